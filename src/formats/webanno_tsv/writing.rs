//! From an article to its file.

use std::fmt::Write as _;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io,
};

use super::{
    COMMENTS_KEY, DIALECT_KEY, FACTS, FORMAT, FORMAT_KEY, LAYERS_KEY,
    cells::{Dialect, escape_text, on_one_line},
    header::{Column, Layer, LayerKind},
    layout::layout,
    plan::{Item, Plan, Slots, TsvUnit, is_same_type, layers_of},
    relations::ANYTHING,
    sorting::{Sorted, sorted},
};
use crate::{
    domain::{annotations::Annotation, ids::AnnotationId, text::Unit},
    formats::{
        cas::type_of,
        exchange::{
            ArticleContents, Feature, Output, ProjectContents, Writer, article_id_of, count_losses,
            count_project_losses, file_path_of, in_file_order,
        },
    },
};

/// Writes a file an article.
#[derive(Debug)]
pub(super) struct TsvWriter;

impl Writer for TsvWriter {
    fn begin(&mut self, project: &ProjectContents, output: &mut dyn Output) -> io::Result<()> {
        count_project_losses(project, FACTS.carries, output);
        Ok(())
    }

    fn article(&mut self, article: &ArticleContents, output: &mut dyn Output) -> io::Result<()> {
        // Whether these are carried shows in each.
        const LOOKED_AT: [Feature; 3] = [Feature::SourceUris, Feature::Metadata, Feature::OtherRelations];
        let counted: Vec<_> = FACTS.carries.iter().copied().chain(LOOKED_AT).collect();
        let kept: HashSet<_> =
            count_losses(article, &counted, output).iter().map(|annotation| annotation.id).collect();
        let kept: Vec<_> =
            in_file_order(&article.annotations).into_iter().filter(|it| kept.contains(&it.id)).collect();
        let stem = file_path_of(&article.id, &article.details.source_uri);
        let path = format!("{stem}.tsv");
        let lost =
            |feature: Feature, output: &mut dyn Output| output.loss(feature.name(), article.id.to_string());
        if article_id_of(&stem) != article.id.as_str() {
            lost(Feature::ArticleIds, output);
        }
        if !article.details.source_uri.is_empty() && article.details.source_uri != path {
            lost(Feature::SourceUris, output);
        }
        let head = Head::of(article);
        if head.loses_metadata {
            lost(Feature::Metadata, output);
        }
        let mut file = FileText::of(article, &kept, head, output);
        output.write(&path, file.write(article).as_bytes())?;
        output.close(&path)
    }

    fn finish(&mut self, _output: &mut dyn Output) -> io::Result<()> {
        Ok(())
    }
}

/// What the metadata say of the header.
#[derive(Debug)]
struct Head {
    version: String,
    layers: Vec<Layer>,
    comments: Vec<(String, String)>,
    /// Whether the article was read from such a file, so that numbers of its annotations are those of the file.
    is_known: bool,
    loses_metadata: bool,
    dialect: Dialect,
}

impl Head {
    fn of(article: &ArticleContents) -> Self {
        let metadata = &article.details.metadata;
        let version = metadata.get(FORMAT_KEY).filter(|version| *version == "3" || version.starts_with("3."));
        let layers = metadata.get(LAYERS_KEY).map(String::as_str).unwrap_or_default().lines();
        let layers = layers.filter_map(|line| Layer::parse(line)?.ok()).collect();
        let names = metadata.get(COMMENTS_KEY).map(String::as_str).unwrap_or_default().lines();
        let comments: Vec<_> = names
            .filter_map(|name| Some((name.to_owned(), metadata.get(name)?.clone())))
            .filter(|(name, value)| !name.contains('=') && !value.contains(['\n', '\r']))
            .collect();
        let is_written = |key: &String| {
            [FORMAT_KEY, LAYERS_KEY, COMMENTS_KEY, DIALECT_KEY].contains(&key.as_str())
                || comments.iter().any(|(name, _)| name == key)
        };
        let loses_metadata = !metadata.keys().all(is_written);
        Self {
            version: version.cloned().unwrap_or_else(|| "3.3".to_owned()),
            layers,
            is_known: metadata.contains_key(FORMAT_KEY),
            comments,
            loses_metadata,
            dialect: Dialect::parse(metadata.get(DIALECT_KEY).map(String::as_str).unwrap_or_default()),
        }
    }
}

/// A file, as far as it is known what stands where in it.
struct FileText<'a> {
    head: Head,
    layout: super::layout::Layout,
    plan: Plan,
    items: Vec<Item<'a>>,
    slots: Slots,
}

impl<'a> FileText<'a> {
    fn of(
        article: &ArticleContents,
        kept: &[&'a Annotation],
        mut head: Head,
        output: &mut dyn Output,
    ) -> Self {
        let mut lost = |feature: &str, id: AnnotationId| output.loss(feature, format!("{}/{id}", article.id));
        let Sorted { sentences, tokens, mut items, slots } = sorted(kept, &mut lost);
        let layout = layout(&article.text, &sentences, &tokens);
        if !layout.keeps_text {
            lost_text(article, &mut lost);
        }
        for annotation in sentences.iter().chain(&tokens).filter(|it| !layout.written.contains(&it.id)) {
            lost(Feature::Spans.name(), annotation.id);
        }
        let types: HashMap<_, _> = kept.iter().map(|it| (it.id, type_of(it.label.as_str()).0)).collect();
        let base = |id: AnnotationId| match types.get(&id) {
            // As WebAnno has it.
            Some(name) if is_same_type(name, "Token") => {
                "de.tudarmstadt.ukp.dkpro.core.api.segmentation.type.Token".to_owned()
            }
            Some(name) => name.clone(),
            None => ANYTHING.to_owned(),
        };
        let layers = layers_of(std::mem::take(&mut head.layers), &items, &slots, &base);
        let mut plan = Plan::new(layers, &layout.sentences);
        if head.is_known {
            plan.keep_numbers(&items);
        }
        for token in tokens.iter().filter(|token| layout.written.contains(&token.id)) {
            if let Some(mention) = token.target.mention() {
                plan.know_token(token.id, mention.anchor.hull().start.utf16);
            }
        }
        for (index, item) in items.iter().enumerate().filter(|(_, item)| item.kind != LayerKind::Relation) {
            let Some(layer) = layer_of(&plan.layers, item) else { continue };
            match plan.put(index, layer, item) {
                Some(range) if range == item.range => {}
                Some(_) => lost("webanno-tsv: where a span is that ends between tokens", item.annotation.id),
                None => lost(Feature::Spans.name(), item.annotation.id),
            }
        }
        plan.number_stacked(&items);
        place_relations(&mut plan, &mut items, &types, &mut lost);
        number_targets(&mut plan, &items, &slots, &types);
        Self { head, layout, plan, items, slots }
    }

    fn write(&mut self, article: &ArticleContents) -> String {
        let mut file = format!("{FORMAT}{}\n", self.head.version);
        for layer in &self.plan.layers {
            let _ = writeln!(file, "#{}", layer.line());
        }
        for (name, value) in &self.head.comments {
            let _ = writeln!(file, "#{name}={value}");
        }
        file.push('\n');
        let mut tokens = self.plan.tokens.iter();
        for sentence in &self.layout.sentences {
            file.push('\n');
            if !sentence.id.is_empty() {
                let _ = writeln!(file, "#Sentence.id={}", escape_text(&sentence.id));
            }
            for line in article.text.slice(&sentence.range).split('\n') {
                let _ = writeln!(file, "#Text={}", escape_text(line));
            }
            for token in tokens.by_ref().take(sentence.tokens.len()) {
                self.unit(article, &token.unit, &mut file);
                for part in &token.parts {
                    self.unit(article, part, &mut file);
                }
            }
        }
        file
    }

    fn unit(&self, article: &ArticleContents, unit: &TsvUnit, file: &mut String) {
        let (start, end) = unit.range;
        let position = |offset| article.text.position(Unit::Utf16, offset).unwrap_or_default();
        let range = crate::domain::text::TextRange { start: position(start), end: position(end) };
        let covered = on_one_line(article.text.slice(&range));
        let _ = write!(file, "{}\t{start}-{end}\t{covered}\t", unit.name);
        for (index, layer) in self.plan.layers.iter().enumerate() {
            let items = unit.items.get(&index).into_iter().flatten();
            let mut items: Vec<_> = items.filter_map(|item| self.items.get(*item)).collect();
            items.sort_by_key(|item| item.chain.map(|(chain, _)| chain));
            let mut before = None;
            for column in &layer.columns {
                let values: Vec<_> = items
                    .iter()
                    .filter(|item| self.is_said(item, layer, column))
                    .map(|item| self.value(item, column, before))
                    .collect();
                file.push_str(if values.is_empty() { "_" } else { "" });
                file.push_str(&values.join("|"));
                file.push('\t');
                before = Some(column);
            }
        }
        file.push('\n');
    }

    /// Whether a cell has a value for the annotation.
    fn is_said(&self, item: &Item<'_>, layer: &Layer, column: &Column) -> bool {
        let Column::Feature(name) = column else { return true };
        let is_first = layer.columns.first() == Some(column);
        let can_be_left_out = self.head.dialect.is_sparse && item.kind == LayerKind::Span;
        !can_be_left_out || item.values.contains_key(name) || is_first && item.values.is_empty()
    }

    fn value(&self, item: &Item<'_>, column: &Column, before: Option<&Column>) -> String {
        let number = |id: AnnotationId| {
            self.plan.numbers.get(&id).map(|number| format!("[{number}]")).unwrap_or_default()
        };
        let own = number(item.annotation.id);
        let said = |name: &String| {
            item.values.get(name).map_or_else(|| "*".to_owned(), |value| self.head.dialect.escape(value))
        };
        let slots = |feature: &String| {
            let all = self.slots.get(&item.annotation.id).into_iter().flatten();
            all.filter(|slot| slot.feature == *feature).collect::<Vec<_>>()
        };
        match column {
            Column::Placeholder => format!("*{own}"),
            Column::Feature(name) => match (item.kind, item.chain) {
                (LayerKind::Relation, _) => said(name),
                (LayerKind::Span, _) | (LayerKind::Chain, None) => said(name) + &own,
                (LayerKind::Chain, Some((chain, place))) if name == "referenceRelation" => {
                    format!("{}->{chain}-{place}", said(name))
                }
                (LayerKind::Chain, Some((chain, _))) => format!("{}[{chain}]", said(name)),
            },
            Column::Roles { feature, link: _ } => {
                let role = |role: &Option<String>| {
                    role.as_deref().map_or_else(|| "*".to_owned(), |role| self.head.dialect.escape(role))
                };
                let roles: Vec<_> = slots(feature).iter().map(|slot| role(&slot.role)).collect();
                if roles.is_empty() { format!("_{own}") } else { roles.join(";") + &own }
            }
            Column::Targets(_) => {
                let Some(Column::Roles { feature, link: _ }) = before else { return "*".to_owned() };
                let target =
                    |id: AnnotationId| self.plan.begin_of(id).unwrap_or("*").to_owned() + &number(id);
                let targets: Vec<_> = slots(feature).iter().map(|slot| target(slot.target)).collect();
                if targets.is_empty() { "*".to_owned() } else { targets.join(";") }
            }
            Column::Base(_) => {
                let Some((from, to)) = item.between else { return "*".to_owned() };
                let unit = self.plan.begin_of(from).unwrap_or("*");
                let number = |id| self.plan.numbers.get(&id).copied().unwrap_or(0);
                match (number(from), number(to)) {
                    (0, 0) => unit.to_owned(),
                    (from, to) => format!("{unit}[{from}_{to}]"),
                }
            }
        }
    }
}

fn lost_text(article: &ArticleContents, lost: &mut dyn FnMut(&str, AnnotationId)) {
    let any = article.annotations.first().map(|annotation| annotation.id);
    if let Some(id) = any {
        lost("webanno-tsv: text between sentences", id);
    }
}

fn layer_of(layers: &[Layer], item: &Item<'_>) -> Option<usize> {
    layers.iter().position(|layer| layer.type_name == item.type_name && layer.kind == item.kind)
}

/// Puts relations where what they go to is, if what they are between is in the file and can be named there.
fn place_relations(
    plan: &mut Plan,
    items: &mut [Item<'_>],
    types: &HashMap<AnnotationId, String>,
    lost: &mut dyn FnMut(&str, AnnotationId),
) {
    for (index, item) in items.iter().enumerate() {
        let (Some((from, to)), Some(layer)) = (item.between, layer_of(&plan.layers, item)) else { continue };
        let base = plan.layers.get(layer).and_then(Layer::base).unwrap_or_default().to_owned();
        let is_dependency = is_same_type(&item.type_name, "Dependency");
        let base = if is_dependency { "Token" } else { &base };
        let is_base = |id: AnnotationId| types.get(&id).is_some_and(|name| is_same_type(name, base));
        let is_token = |id: AnnotationId| types.get(&id).is_some_and(|name| is_same_type(name, "Token"));
        let can_be = |id: AnnotationId| plan.knows(id) && (is_base(id) || !is_token(id) && !is_dependency);
        if can_be(from) && can_be(to) {
            let unnamed: Vec<_> = [from, to].into_iter().filter(|id| !is_base(*id)).collect();
            for id in unnamed {
                plan.number(id);
            }
            plan.put_relation(index, layer, to);
        } else {
            lost(Feature::Relations.name(), item.annotation.id);
        }
    }
}

/// Gives numbers to what links lead to, where its type does not tell which annotation of a token it is.
fn number_targets(plan: &mut Plan, items: &[Item<'_>], slots: &Slots, types: &HashMap<AnnotationId, String>) {
    for item in items {
        let Some(layer) = layer_of(&plan.layers, item).and_then(|layer| plan.layers.get(layer)).cloned()
        else {
            continue;
        };
        let mut hints: BTreeMap<&str, &str> = BTreeMap::new();
        for pair in layer.columns.windows(2) {
            if let [Column::Roles { feature, link: _ }, Column::Targets(target)] = pair {
                hints.insert(feature, target);
            }
        }
        for slot in slots.get(&item.annotation.id).into_iter().flatten() {
            let hint = hints.get(slot.feature.as_str()).copied().unwrap_or(ANYTHING);
            let is_hinted = types.get(&slot.target).is_some_and(|name| is_same_type(name, hint));
            let is_token = types.get(&slot.target).is_some_and(|name| is_same_type(name, "Token"));
            if !is_hinted && !is_token {
                plan.number(slot.target);
            }
        }
    }
}
