//! `spandrel layer copy`.

use clap::Args;

use crate::{
    cli::{
        arguments,
        detail_arguments::State,
        failure::Failure,
        output::Output,
        render::printable,
        table::{counted, thousands},
    },
    client::{Client, Server},
    domain::ids::{ArticleId, LayerId, ProjectName},
    proto::v1,
};

/// The message's name in the API.
const COPIED: &str = "spandrel.v1.CopyLayerResponse";

/// What `copy` takes.
#[derive(Debug, Args)]
pub(in crate::cli) struct Copy {
    /// The project's id.
    #[arg(value_parser = arguments::project)]
    project: ProjectName,
    /// The article's id.
    #[arg(value_parser = arguments::article)]
    article: ArticleId,
    /// The layer that is copied.
    #[arg(value_parser = arguments::layer)]
    from: LayerId,
    /// The layer that is copied to; it need not be declared.
    #[arg(value_parser = arguments::layer)]
    to: LayerId,
    /// What the review says of the copies; otherwise what it says of what is copied.
    #[arg(long)]
    state: Option<State>,
    /// Copy only annotations in this state; otherwise all that are not rejected.
    #[arg(long)]
    only_state: Option<State>,
    /// Copy only annotations that have this label; may be given again, for others, too.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    label: Vec<String>,
    /// Copy although the other layer has annotations in the article: the copies are added to them.
    #[arg(long)]
    force: bool,
    /// Check everything and change nothing: tells how much would be copied.
    #[arg(long)]
    dry_run: bool,
}

impl Copy {
    /// Asks the server.
    pub(super) async fn run(self, server: &Server, output: &mut Output) -> Result<(), Failure> {
        let (from, to, dry_run) = (self.from.to_string(), self.to.to_string(), self.dry_run);
        let request = self.request()?;
        let copied = Client::connect(server).await?.call(request).await?;
        if output.json {
            return output.print_json(COPIED, &copied, &[]);
        }
        output.print(&said(&copied, &from, &to, dry_run))
    }

    fn request(self) -> Result<v1::CopyLayerRequest, Failure> {
        let Self { project, article, from, to, state, only_state, label, force, dry_run } = self;
        if from == to {
            let message = format!("{from} is copied to itself: name another layer to copy to");
            return Err(Failure::Usage(message));
        }
        let sent = |state: Option<State>| state.map_or(v1::State::Unspecified, v1::State::from).into();
        Ok(v1::CopyLayerRequest {
            name: project.article(article).layer(from).to_string(),
            destination: to.to_string(),
            state: sent(state),
            only_state: sent(only_state),
            labels: label,
            force,
            validate_only: dry_run,
            ..v1::CopyLayerRequest::default()
        })
    }
}

/// What was copied and left out, or would be.
fn said(copied: &v1::CopyLayerResponse, from: &str, to: &str, dry_run: bool) -> String {
    let v1::CopyLayerResponse { article_layer: _, copied, revision, left_out } = copied;
    let what = format!("{} from {} to {}", counted(*copied, "annotation"), printable(from), printable(to));
    let done = if dry_run {
        format!("would copy {what}; nothing was changed\n")
    } else {
        format!("copied {what}, revision {}\n", thousands(*revision))
    };
    let left_out = match left_out {
        0 => String::new(),
        1 => "1 relation is left out: what it is on is not copied\n".to_owned(),
        more => format!("{} are left out: what they are on is not copied\n", counted(*more, "relation")),
    };
    done + &left_out
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Ask, Cli, Command, layer};

    fn request(arguments: &[&str]) -> Result<v1::CopyLayerRequest, Failure> {
        let line = ["spandrel", "layer", "copy", "p", "a"];
        let parsed = Cli::try_parse_from(line.iter().chain(arguments)).unwrap().command;
        let Command::Ask(Ask::Layer(layer::Layer::Copy(copy))) = parsed else {
            panic!("{arguments:?} is another command");
        };
        copy.request()
    }

    #[test]
    fn what_is_given_is_sent_and_nothing_else() {
        let plain = v1::CopyLayerRequest {
            name: "projects/p/articles/a/layers/spacy".into(),
            destination: "alice".into(),
            ..v1::CopyLayerRequest::default()
        };
        assert_eq!(request(&["spacy", "alice"]).unwrap(), plain);
        let flags = ["--state", "accepted", "--only-state", "suggested", "--label", "A", "--label", "-b"];
        let all = v1::CopyLayerRequest {
            state: v1::State::Accepted.into(),
            only_state: v1::State::Suggested.into(),
            labels: vec!["A".into(), "-b".into()],
            force: true,
            validate_only: true,
            ..plain
        };
        let given = [&["spacy", "alice", "--force", "--dry-run"][..], &flags].concat();
        assert_eq!(request(&given).unwrap(), all);
    }

    #[test]
    fn a_layer_is_not_copied_to_itself() {
        let Err(Failure::Usage(said)) = request(&["gold", "gold"]) else { panic!("it is taken") };
        assert!(said.contains("name another layer"), "{said}");
    }

    #[test]
    fn how_much_was_copied_and_left_out_is_said() {
        let check = |copied: u32, left_out: u32, dry_run: bool, expected: &str| {
            let answer = v1::CopyLayerResponse { article_layer: None, copied, revision: 1_234, left_out };
            assert_eq!(said(&answer, "spacy", "alice", dry_run), expected);
        };
        check(1_000, 0, false, "copied 1,000 annotations from spacy to alice, revision 1,234\n");
        check(
            1,
            1,
            false,
            "copied 1 annotation from spacy to alice, revision 1,234\n\
             1 relation is left out: what it is on is not copied\n",
        );
        check(
            0,
            2,
            true,
            "would copy 0 annotations from spacy to alice; nothing was changed\n\
             2 relations are left out: what they are on is not copied\n",
        );
    }
}
