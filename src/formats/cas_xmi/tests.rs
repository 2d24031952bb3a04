//! What is read of files, and what is written.

#![allow(clippy::string_slice, reason = "a slice off a boundary fails the test")]

use crate::formats::{
    Format,
    cas::testing::{check_everything, said},
    exchange::testing::{read, write},
};

const TYPES: &str = r#"<?xml version="1.0"?>
<typeSystemDescription xmlns="http://uima.apache.org/resourceSpecifier"><types>
<typeDescription><name>webanno.custom.Span</name><supertypeName>uima.tcas.Annotation</supertypeName><features>
<featureDescription><name>weight</name><rangeTypeName>uima.cas.Double</rangeTypeName></featureDescription>
<featureDescription><name>tags</name><rangeTypeName>uima.cas.StringArray</rangeTypeName></featureDescription>
<featureDescription><name>links</name><rangeTypeName>uima.cas.FSArray</rangeTypeName></featureDescription>
</features></typeDescription></types></typeSystemDescription>"#;

const FILE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<xmi:XMI xmlns:xmi="http://www.omg.org/XMI" xmlns:cas="http:///uima/cas.ecore" xmlns:c="http:///webanno/custom.ecore"
  xmlns:n="http:///uima/noNamespace.ecore" xmlns:ner="http:///de/tudarmstadt/ukp/dkpro/core/api/ner/type.ecore" xmi:version="2.0">
  <cas:NULL xmi:id="0"/>
  <ner:NamedEntity xmi:id="2" sofa="1" begin="3" end="6" value="P&amp;Q"/>
  <c:Span xmi:id="3" sofa="1" begin="7" end="10" weight="0.5" links="6"><tags>a &lt; b</tags><tags>c</tags></c:Span>
  <c:Relation xmi:id="4" sofa="1" begin="7" end="10" Governor="2" Dependent="3"/>
  <n:Plain xmi:id="5" note="x"/>
  <c:SpanLinksLink xmi:id="6" role="r" target="2"/>
  <c:SimpleLink xmi:id="7" sofa="1" begin="3" end="6" next="8"/>
  <c:SimpleLink xmi:id="8" sofa="1" begin="7" end="10"/>
  <c:SimpleChain xmi:id="9" first="7"/>
  <cas:Sofa xmi:id="1" sofaNum="1" sofaID="_InitialView" mimeType="text" sofaString="😀 one&#10;two"/>
  <cas:Sofa xmi:id="10" sofaNum="2" sofaID="Other" mimeType="text" sofaString="other"/>
  <c:Span xmi:id="11" sofa="10" begin="0" end="5"/>
  <cas:View sofa="1" members="2 3 4 5 7 8 9"/>
  <cas:View sofa="10" members="11"/>
</xmi:XMI>
"#;

#[test]
fn everything_is_read_and_comes_back() {
    let one = read(Format::CasXmi, &[("a/b.xmi", FILE), ("a/types.xml", TYPES)]);
    assert_eq!((one.problems.as_slice(), one.lost().as_slice()), (&[][..], &[][..]));
    let articles: Vec<_> = one.contents().collect();
    assert_eq!((articles[0].id.as_str(), articles[0].text.as_str()), ("a~b", "😀 one\ntwo"));
    assert_eq!(
        (articles[1].id.as_str(), said(articles[1])),
        ("a~b-Other", vec!["webanno.custom.Span 0-5 {}".to_owned()])
    );
    assert_eq!(
        said(articles[0]),
        [
            "P&Q 3-6 {}",
            "noNamespace.Plain  {\"note\": String(\"x\")}",
            "webanno.custom.Relation Governor=2,Dependent=3 {}",
            "webanno.custom.SimpleChain =7,=8 {}",
            "webanno.custom.SimpleLink 3-6 {}",
            "webanno.custom.SimpleLink 7-10 {}",
            "webanno.custom.Span 7-10 {\"tags\": StringList([\"a < b\", \"c\"]), \"weight\": Double(0.5)}",
            "webanno.custom.Span:links host=3,r=2 {}",
        ]
    );
    let written = write(Format::CasXmi, one.contents());
    assert_eq!(written.lost(), [""; 0]);
    let two = read(Format::CasXmi, &written.as_files());
    assert_eq!(two.problems, [""; 0]);
    assert_eq!(two.contents().map(said).collect::<Vec<_>>(), one.contents().map(said).collect::<Vec<_>>());
}

#[test]
fn whatever_is_written_reads_back() {
    check_everything(Format::CasXmi);
}

#[test]
fn what_is_wrong_is_refused_with_its_line() {
    let check = |text: &str, expected: &str| {
        assert_eq!(read(Format::CasXmi, &[("a.xmi", text)]).problems, [expected]);
    };
    check("", "a.xmi:1: has no element; is the file cut off?");
    check("<a/>", "a.xmi:1: is <a>; a CAS is <xmi:XMI>, and its types are <typeSystemDescription>");
    check("<!DOCTYPE a><a/>", "a.xmi:1: has a DOCTYPE, which is not read");
    let with = |element: &str| FILE.replace("  <cas:NULL xmi:id=\"0\"/>", element);
    check(
        &with("<x:Y xmi:id=\"20\"/>"),
        "a.xmi:4: the namespace of <x:Y> is not declared as xmlns: at the top",
    );
    check(&with("<c:Y/>"), "a.xmi:4: <c:Y> has no number as xmi:id");
    check(&with("<c:Y xmi:id=\"2\"/>"), "a.xmi:5: xmi:id=\"2\" is there twice; the first one stands");
}

#[test]
fn every_cut_is_refused() {
    for cut in (1..FILE.trim_end().len()).filter(|cut| FILE.is_char_boundary(*cut)) {
        let read = read(Format::CasXmi, &[("a.xmi", &FILE[..cut])]);
        assert_eq!((read.problems.len(), read.articles.len()), (1, 0), "{cut} {:?}", read.problems);
    }
}
