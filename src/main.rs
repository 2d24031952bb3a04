//! temp
use std::{sync::Arc, path::PathBuf};
use spandrel::{app::{App, Settings, answers::Versions}, clock, grpc::*, store::{committer::Options, sled_backend}};
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().collect();
    let dir = PathBuf::from(&args[args.iter().position(|a| a == "--data-dir").unwrap()+1]);
    let versions = Versions::new();
    let engine = sled_backend::open(&dir, 128<<20, Options { clock: clock::system(), observer: versions.observer(), free_space_floor_bytes: 0 }).unwrap();
    let (app, sweeper) = App::open(engine, versions, clock::system(), Settings { text_bytes_max: 2<<20 }, convert::annotations::rendered).await.unwrap();
    tokio::spawn(sweeper.run());
    let l = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("ready on http://{}", l.local_addr().unwrap());
    tonic::transport::Server::builder()
      .add_service(generated::project_service_server::ProjectServiceServer::new(project_service::Projects::new(Arc::clone(&app))))
      .add_service(generated::article_service_server::ArticleServiceServer::new(article_service::Articles::new(Arc::clone(&app))))
      .add_service(generated::annotation_service_server::AnnotationServiceServer::new(annotation_service::Annotations::new(app, Default::default())))
      .serve_with_incoming(tokio_stream::wrappers::TcpListenerStream::new(l)).await.unwrap();
}
