//! `spandrel layer update`.

use clap::Args;

use super::{Details, InProject, Kind, print};
use crate::{
    cli::{failure::Failure, output::Output},
    client::{Client, Server},
    proto::v1,
};

/// What `update` takes.
#[derive(Debug, Args)]
pub(in crate::cli) struct Update {
    #[command(flatten)]
    layer: InProject,
    /// Who makes it.
    #[arg(long)]
    kind: Option<Kind>,
    #[command(flatten)]
    details: Details,
    /// An entry of the metadata that it loses; may be given again. Those that no flag names stay.
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    no_metadata: Vec<String>,
    /// Only if what was declared of it still has this etag.
    #[arg(long, default_value = "", hide_default_value = true)]
    etag: String,
}

/// What is asked for, and what has to be read before.
#[derive(Debug, PartialEq)]
struct Plan {
    layer: v1::Layer,
    paths: Vec<String>,
    /// Entries of the metadata that it loses, when those that no flag names have to be read.
    lost: Option<Vec<String>>,
}

impl Update {
    /// Asks the server.
    pub(super) async fn run(self, server: &Server, output: &mut Output) -> Result<(), Failure> {
        let Plan { mut layer, paths, lost } = self.plan()?;
        let client = Client::connect(server).await?;
        if let Some(lost) = lost {
            // An update replaces all metadata. With the etag of what was read nobody else's entries are lost.
            let read = client.call(v1::GetLayerRequest { name: layer.name.clone() }).await?;
            layer = keeping(layer, read, &lost);
        }
        let request = v1::UpdateLayerRequest {
            layer: Some(layer),
            update_mask: Some(prost_types::FieldMask { paths }),
            ..v1::UpdateLayerRequest::default()
        };
        print(&client.call(request).await?, "updated ", output)
    }

    fn plan(self) -> Result<Plan, Failure> {
        let Self { layer, kind, details, no_metadata, etag } = self;
        let changes_metadata = !details.metadata.is_empty() || !no_metadata.is_empty();
        let paths = [
            ("kind", kind.is_some()),
            ("annotator", details.annotator.is_some()),
            ("display_name", details.display_name.is_some()),
            ("description", details.description.is_some()),
            ("metadata", changes_metadata),
        ];
        let paths: Vec<_> =
            paths.iter().filter(|(_, given)| *given).map(|(path, _)| (*path).to_owned()).collect();
        if paths.is_empty() {
            let message = "nothing is to be changed: say what, such as --kind, --annotator or --display-name";
            return Err(Failure::Usage(message.to_owned()));
        }
        let kind = kind.map_or(v1::LayerKind::Unspecified, v1::LayerKind::from).into();
        let name = layer.name().to_string();
        let layer = details.onto(v1::Layer { name, kind, etag, ..v1::Layer::default() });
        if let Some(both) = no_metadata.iter().find(|key| layer.metadata.contains_key(*key)) {
            return Err(Failure::Usage(format!(
                "the metadata {both} is both set and lost: give one of the two"
            )));
        }
        Ok(Plan { layer, paths, lost: changes_metadata.then_some(no_metadata) })
    }
}

/// The layer with the metadata that was read, changed, and the etag that it was read with.
fn keeping(mut layer: v1::Layer, read: v1::Layer, lost: &[String]) -> v1::Layer {
    let mut metadata = read.metadata;
    metadata.retain(|key, _| !lost.contains(key));
    metadata.append(&mut layer.metadata);
    let etag = if layer.etag.is_empty() { read.etag } else { layer.etag };
    v1::Layer { metadata, etag, ..layer }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Ask, Cli, Command, arguments, layer};

    fn plan(arguments: &[&str]) -> Result<Plan, Failure> {
        let line = ["spandrel", "layer", "update", "p", "gold"];
        let parsed = Cli::try_parse_from(line.iter().chain(arguments)).unwrap().command;
        let Command::Ask(Ask::Layer(layer::Layer::Update(update))) = parsed else {
            panic!("{arguments:?} is another command");
        };
        update.plan()
    }

    #[test]
    fn the_mask_names_what_is_given() {
        let check = |arguments: &[&str], expected: &[&str]| {
            let Plan { layer, paths, lost } = plan(arguments).unwrap();
            assert_eq!(
                (layer.name.as_str(), paths),
                ("projects/p/layers/gold", expected.iter().map(ToString::to_string).collect())
            );
            assert_eq!(lost.is_some(), expected.contains(&"metadata"), "{arguments:?}");
        };
        check(&["--kind", "gold"], &["kind"]);
        check(&["--annotator", ""], &["annotator"]);
        check(&["--display-name", "-"], &["display_name"]);
        check(&["--description", "d"], &["description"]);
        check(&["--metadata", "a=b"], &["metadata"]);
        check(&["--no-metadata", "a"], &["metadata"]);
        check(&["--display-name", "n", "--kind", "human"], &["kind", "display_name"]);
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_would() {
        let check = |arguments: &[&str], message: &str| {
            let Err(Failure::Usage(said)) = plan(arguments) else { panic!("{arguments:?} is taken") };
            assert!(said.contains(message), "{said}");
        };
        check(&[], "nothing is to be changed: say what");
        check(&["--etag", "x"], "nothing is to be changed");
        check(&["--metadata", "a=1", "--no-metadata", "a"], "give one of the two");
    }

    #[test]
    fn metadata_that_no_flag_names_stays() {
        let entries = |line: &str| line.split(' ').map(|it| arguments::metadata(it).unwrap()).collect();
        let read = v1::Layer {
            metadata: entries("a=1 b=1 c=1"),
            etag: "read".into(),
            display_name: "not asked for".into(),
            ..v1::Layer::default()
        };
        let changes = ["--metadata", "b=2", "--metadata", "d=new", "--no-metadata", "c"];
        let check = |flags: &[&str], etag: &str| {
            let Plan { layer, paths: _, lost } = plan(&[&changes, flags].concat()).unwrap();
            let layer = keeping(layer, read.clone(), &lost.unwrap());
            assert_eq!(layer.metadata, entries("a=1 b=2 d=new"));
            assert_eq!((layer.etag.as_str(), layer.display_name.as_str()), (etag, ""));
        };
        check(&[], "read");
        check(&["--etag", "mine"], "mine");
    }
}
