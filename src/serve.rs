//! `spandrel serve`: how the parts are put together, and in which order they are taken apart.

use std::{io, io::Write, net::SocketAddr, path::Path, sync::Arc, thread};

use tokio::sync::oneshot;

use crate::{
    app::{App, Settings, answers::Versions, sweeper::Sweeper},
    clock,
    config::Config,
    domain::{Error, Problem},
    grpc::{
        admin_service::Admin,
        annotation_service::Annotations,
        article_service::Articles,
        change_service::Changes,
        convert,
        drain::Drain,
        exchange_service::Exchange,
        generated::{
            admin_service_server::AdminServiceServer, annotation_service_server::AnnotationServiceServer,
            article_service_server::ArticleServiceServer, change_service_server::ChangeServiceServer,
            exchange_service_server::ExchangeServiceServer, layer_service_server::LayerServiceServer,
            project_service_server::ProjectServiceServer,
        },
        layer_service::Layers,
        project_service::Projects,
        server::{ServeError, Server},
        services::Services,
        signals,
    },
    limits::{REQUEST_BYTES_BESIDE_TEXT, TEXT_STAGED_ABOVE_BYTES},
    store::{committer::Options, data_dir::OpenError, engine::Engine, sled_backend},
    telemetry::{self, TelemetryError},
};

/// Why the server did not start, or ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum ServeFailure {
    /// The logs cannot be written.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The data folder cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// What is stored cannot be read, or what a crash cut off cannot be finished.
    #[error(
        "cannot start over the stored data: {0}; keep the data folder for whoever may mend it, and restore your last \
         backup into a new one: spandrel restore FILE --data-dir FOLDER"
    )]
    Recover(Error),
    /// What is stored cannot be read now.
    #[error("cannot start over the stored data: {0}")]
    Unavailable(Error),
    /// A thread or runtime cannot be started.
    #[error("cannot start: {0}")]
    Start(io::Error),
    /// The transport.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

impl ServeFailure {
    fn of_opening(error: Error) -> Self {
        if let Problem::StorageUnavailable(_) = error.problem {
            Self::Unavailable(error)
        } else {
            Self::Recover(error)
        }
    }
}

/// Serves until SIGTERM or SIGINT, then drains, and closes the database last. Blocks. One line on stdout says when it
/// is ready and where it listens.
///
/// # Errors
///
/// [`ServeFailure`]; after it the process should end with 1.
pub fn run(config: Config) -> Result<(), ServeFailure> {
    let Config { server, data_dir, text_bytes_max, cache_bytes, free_space_bytes, log_kept, log, log_format } =
        config;
    telemetry::init(&log, log_format)?;
    let versions = Versions::new();
    let options = Options {
        clock: clock::system(),
        observer: versions.observer(),
        free_space_floor_bytes: free_space_bytes,
    };
    // The address first: who cannot have it should not wait for a large folder to be opened.
    let server = Server::bind(server)?;
    let engine: Arc<dyn Engine> = sled_backend::open(&data_dir, cache_bytes, options)?;
    let outcome = serve(server, &engine, versions, Settings { text_bytes_max, log: log_kept }, &data_dir);
    // Off the runtimes, which are gone: closing waits for the disk.
    engine.close();
    tracing::info!("the database is closed");
    outcome
}

fn serve(
    server: Server,
    engine: &Arc<dyn Engine>,
    versions: Arc<Versions>,
    settings: Settings,
    data_dir: &Path,
) -> Result<(), ServeFailure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(ServeFailure::Start)?;
    let render = convert::changes::RENDERERS;
    let opening = App::open(Arc::clone(engine), versions, clock::system(), settings, render);
    let (app, sweeper) = runtime.block_on(opening).map_err(ServeFailure::of_opening)?;
    let (stop_sweeper, stopped) = oneshot::channel::<()>();
    let sweeper = thread::Builder::new()
        .name("spandrel-sweeper".to_owned())
        .spawn(move || sweep(&runtime, sweeper, stopped))
        .map_err(ServeFailure::Start)?;

    let stop = async {
        if let Err(error) = signals::stop().await {
            tracing::error!("cannot listen to signals, so only SIGKILL stops this process: {error}");
            std::future::pending::<()>().await;
        }
    };
    let drain = server.drain();
    let services = || services(&app, settings, &drain);
    let outcome = server.run(services, stop, engine.failed(), |address| say_ready(address, data_dir));
    drop(stop_sweeper);
    // It ends at its next step; what it left is found again at the next start.
    let _ = sweeper.join();
    outcome.map_err(ServeFailure::Serve)
}

fn sweep(runtime: &tokio::runtime::Runtime, sweeper: Sweeper, stopped: oneshot::Receiver<()>) {
    runtime.block_on(async {
        tokio::select! {
            () = sweeper.run() => {}
            _ = stopped => {}
        }
    });
}

/// The services of the API over `app`.
#[must_use]
pub fn services(app: &Arc<App>, settings: Settings, drain: &Drain) -> Services {
    let request_bytes_max = settings.text_bytes_max.max(TEXT_STAGED_ABOVE_BYTES) + REQUEST_BYTES_BESIDE_TEXT;
    let (projects, articles) = (Projects::new(Arc::clone(app)), Articles::new(Arc::clone(app)));
    let annotations = Annotations::new(Arc::clone(app));
    Services::default()
        .with(ProjectServiceServer::new(projects).max_decoding_message_size(request_bytes_max))
        .with(ArticleServiceServer::new(articles).max_decoding_message_size(request_bytes_max))
        .with(AnnotationServiceServer::new(annotations).max_decoding_message_size(request_bytes_max))
        .with(LayerServiceServer::new(Layers::new(Arc::clone(app))))
        .with(ChangeServiceServer::new(Changes::new(Arc::clone(app), drain.clone())))
        .with(AdminServiceServer::new(Admin::new(Arc::clone(app))))
        .with(ExchangeServiceServer::new(Exchange::new(Arc::clone(app))))
}

fn say_ready(address: SocketAddr, data_dir: &Path) {
    let version = env!("CARGO_PKG_VERSION");
    let line = format!("spandrel {version} serves on http://{address} from {}\n", data_dir.display());
    tracing::info!(%address, data_dir = %data_dir.display(), version, "ready");
    // Nobody may be reading.
    let _ = io::stdout().write_all(line.as_bytes());
}
