use super::*;

/// These bytes are on people's disks.
#[test]
fn keys_keep_their_bytes() {
    let (number, generation) = (ArticleNumber(0x0102), Generation(3));
    let check = |key: Bytes, expected: &str| assert_eq!(hex::encode(key), expected);
    check(log(0x0a0b), "020000000000000a0b");
    check(requests(0x0c0d), "0400000c0d");
    check(catalog_entry(7), "5100000007");
    check(article(number), "200000000000000102");
    check(text_chunk(number, generation, 4), "2200000000000001020000000300000004");
    check(annotations(number, generation), "30000000000000010200000003");
    check(annotation_ids(number, generation), "31000000000000010200000003");
    let id = [0xee; 16];
    check(
        long_annotation(number, generation, &id),
        "32000000000000010200000003eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee",
    );
    check(statistics(number, generation), "33000000000000010200000003");
    check(references(number, generation), "34000000000000010200000003");
    check(sweep(number), "400000000000000102");
    check(text_revision(number, 3), "23000000000000010200000003");
    check(staged(number, generation), "41000000000000010200000003");
    check(layer([0xee; 16]), "12eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee");
    check(article_layers(number), "350000000000000102");
    check(Bytes::from_static(LAYER_TALLIES), "13");
    check(Bytes::from_static(GENERATIONS), "14");
    check(Bytes::from_static(DERIVED_FORMAT), "15");
}

#[test]
fn every_key_is_known_by_its_tag_and_its_length() {
    let (number, generation, id) = (ArticleNumber(7), Generation(1), [0xee; 16]);
    let with = |key: &[u8], more: usize| Bytes::from([key, &vec![7; more]].concat());
    let check = |key: Bytes, of_catalog: Option<(Table, bool)>, of_project: Option<(Table, bool)>| {
        assert_eq!(table_of(&key, true), of_catalog, "{key:02x?} in the catalog");
        assert_eq!(table_of(&key, false), of_project, "{key:02x?} in a project");
    };
    let one = |table| Some((table, false));
    check(Bytes::from_static(HEAD), one(Table::Head), one(Table::Head));
    check(log(9), one(Table::Log), one(Table::Log));
    check(with(&log(9), 2), Some((Table::Log, true)), Some((Table::Log, true)));
    check(Bytes::from_static(REQUEST_BUCKETS), one(Table::Requests), one(Table::Requests));
    check(with(&requests(9), 17), one(Table::Requests), one(Table::Requests));
    check(with(PROJECT_IDS, 16), one(Table::Partition), None);
    check(catalog_entry(7), one(Table::Partition), None);
    check(Bytes::from_static(PROJECT_NUMBERS), one(Table::Partition), None);
    check(with(PROJECT, 2), None, Some((Table::Resource, true)));
    check(with(LABEL_SCHEMA, 2), None, Some((Table::Resource, true)));
    check(Bytes::from_static(LABEL_SCHEMA_REVISION), None, one(Table::Partition));
    check(Bytes::from_static(ARTICLE_NUMBERS), None, one(Table::Partition));
    check(article(number), None, one(Table::Resource));
    check(with(ARTICLE_IDS, 3), None, one(Table::Partition));
    check(text_chunk(number, generation, 3), None, one(Table::Text));
    check(annotations(number, generation), None, one(Table::Annotations));
    check(with(&annotations(number, generation), 25), None, one(Table::Annotations));
    check(annotation_ids(number, generation), None, one(Table::Annotations));
    let long = long_annotation(number, generation, &id);
    check(with(&long, 2), None, Some((Table::LongAnnotations, true)));
    check(statistics(number, generation), None, one(Table::LongAnnotations));
    check(with(&statistics(number, generation), 2), None, Some((Table::LongAnnotations, true)));
    check(with(&references(number, generation), 32), None, one(Table::Annotations));
    check(sweep(number), None, one(Table::Sweep));
    check(text_revision(number, 3), None, one(Table::OfArticle));
    check(staged(number, generation), None, one(Table::Staged));
    check(with(&layer(id), 2), None, Some((Table::Resource, true)));
    check(with(LAYER_TALLIES, 16), None, one(Table::Partition));
    check(Bytes::from_static(GENERATIONS), None, one(Table::Partition));
    check(Bytes::from_static(DERIVED_FORMAT), None, one(Table::Partition));
    check(with(&article_layers(number), 16), None, one(Table::OfArticle));

    check(Bytes::new(), None, None);
    check(with(HEAD, 1), None, None);
    check(with(&log(9), 1), None, None);
    check(with(REQUEST_BUCKETS, 1), None, None);
    check(with(&requests(9), 18), None, None);
    check(with(PROJECT_IDS, 17), None, None);
    check(with(&article(number), 3), None, None);
    check(text(number, generation), None, None);
    check(with(&annotations(number, generation), 26), None, None);
    check(with(&sweep(number), 1), None, None);
    check(with(&[0x41], 8), None, None);
}

#[test]
fn reading_goes_on_further_until_all_tags_are_through() {
    let check = |key: &[u8], numbers, expected: Option<&[u8]>| {
        assert_eq!(further(key, numbers).as_deref(), expected);
    };
    check(&[], 1, Some(&[0, 0, 0, 0, 0, 0, 0, 0, 1]));
    check(&article(ArticleNumber(7)), 2, Some(&article(ArticleNumber(9))));
    check(&text_chunk(ArticleNumber(7), Generation(1), 3), 1, Some(&numbered(TEXT, 8, &[])));
    check(&[0x21, 1], 1, Some(&[0x21, 1, 0, 0, 0, 0, 0, 0, 1]));
    check(&log(u64::MAX), 1, Some(&[3]));
    check(&[0xff; 9], 1, None);
}

#[test]
fn a_prefix_ends_where_the_next_one_begins() {
    let check = |prefix: &[u8], to: &[u8]| assert_eq!(KeyRange::prefix(prefix).to, to);
    check(&[1], &[2]);
    check(&[1, 2], &[1, 3]);
    check(&[1, 0xff], &[2]);
    check(&[1, 0xff, 0xff], &[2]);
}
