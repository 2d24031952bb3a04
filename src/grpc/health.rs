//! Health and reflection.

use prost::Message;
use prost_types::FileDescriptorSet;
use tonic_health::{
    ServingStatus,
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};

use super::services::Services;
use crate::proto::DESCRIPTORS;

/// Whether the server serves, as a whole (the empty name) and service by service.
#[derive(Debug)]
pub(super) struct Health {
    reporter: HealthReporter,
    names: Vec<String>,
}

impl Health {
    /// `NOT_SERVING` until told otherwise.
    pub(super) fn new() -> Self {
        Self { reporter: HealthReporter::new(), names: names() }
    }

    pub(super) async fn tell(&self, status: ServingStatus) {
        for name in &self.names {
            self.reporter.set_service_status(name, status).await;
        }
    }

    /// `services` with health and reflection.
    ///
    /// # Errors
    ///
    /// When the descriptors that this was built with do not describe each other.
    pub(super) fn with_health(
        &self,
        services: Services,
    ) -> Result<Services, tonic_reflection::server::Error> {
        let reflection = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        Ok(services
            .with(HealthServer::new(HealthService::from_health_reporter(self.reporter.clone())))
            .with(reflection().build_v1()?)
            .with(reflection().build_v1alpha()?))
    }
}

/// The empty name, and those of the API's services.
fn names() -> Vec<String> {
    let files = FileDescriptorSet::decode(DESCRIPTORS).unwrap_or_default().file;
    let services = files.iter().flat_map(|file| {
        file.service.iter().map(move |service| format!("{}.{}", file.package(), service.name()))
    });
    std::iter::once(String::new()).chain(services).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_of_the_api_has_a_health() {
        let mut names = names();
        names.sort();
        let services = [
            "AdminService",
            "AnnotationService",
            "ArticleService",
            "ChangeService",
            "ExchangeService",
            "LayerService",
            "ProjectService",
        ];
        assert_eq!(names[0], "");
        assert_eq!(names[1..], services.map(|service| format!("spandrel.v1.{service}")));
    }
}
