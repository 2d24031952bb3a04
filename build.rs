//! Compiles the protos without protoc: messages and clients once, then the servers, whose hot answers may be
//! bytes that are already encoded.

use std::{env, fs, path::PathBuf};

use prost::Message as _;

/// Methods whose answer the server may take from kept bytes instead of encoding it anew.
const ENCODED_ANSWERS: [&str; 8] = [
    "GetAnnotation",
    "ListAnnotations",
    "StreamAnnotations",
    "GetArticleLayer",
    "ListArticleLayers",
    "ListChanges",
    "UndoCommit",
    "WatchChanges",
];

/// Generates servers whose answers to [`ENCODED_ANSWERS`] are `Encoded<T>` instead of `T`.
struct EncodedAnswers(Box<dyn prost_build::ServiceGenerator>);

impl prost_build::ServiceGenerator for EncodedAnswers {
    fn generate(&mut self, mut service: prost_build::Service, buffer: &mut String) {
        for method in &mut service.methods {
            if ENCODED_ANSWERS.contains(&method.proto_name.as_str()) {
                method.output_type = format!("crate::grpc::encoded::Encoded<{}>", method.output_type);
            }
        }
        self.0.generate(service, buffer);
    }

    fn finalize(&mut self, buffer: &mut String) {
        self.0.finalize(buffer);
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let api = protox::Compiler::new(["proto"])?
        .include_imports(true)
        .include_source_info(true)
        .open_files([
            "spandrel/v1/project_service.proto",
            "spandrel/v1/article_service.proto",
            "spandrel/v1/annotation_service.proto",
            "spandrel/v1/layer_service.proto",
            "spandrel/v1/change_service.proto",
            "spandrel/v1/admin_service.proto",
            "spandrel/v1/exchange_service.proto",
            "spandrel/v1/error_reason.proto",
        ])?
        .file_descriptor_set();
    let stored = protox::compile(
        [
            "spandrel/storage/v1/records.proto",
            "spandrel/storage/v1/backup.proto",
            "spandrel/storage/v1/label_schema.proto",
        ],
        ["proto"],
    )?;
    println!("cargo:rerun-if-changed=proto");

    // Reflection needs names and types, not comments.
    let mut descriptors = api.clone();
    for file in &mut descriptors.file {
        file.source_code_info = None;
    }
    fs::write(out.join("spandrel.v1.descriptors"), descriptors.encode_to_vec())?;

    // Maps in order, so that a request has one encoding, and a hash of it.
    tonic_prost_build::configure().build_server(false).btree_map(".").compile_fds(api.clone())?;
    prost_build::Config::new().bytes(["."]).btree_map(["."]).compile_fds(stored)?;

    let servers = out.join("servers");
    fs::create_dir_all(&servers)?;
    let generator = tonic_prost_build::configure().build_client(false).service_generator();
    prost_build::Config::new()
        .out_dir(&servers)
        .extern_path(".spandrel.v1", "crate::proto::v1")
        .service_generator(Box::new(EncodedAnswers(generator)))
        .compile_fds(api)?;
    Ok(())
}
