//! Calls that are tried again.

use std::time::Duration;

use spandrel::{
    client::{Client, RetryPolicy, Server},
    proto::v1,
};
use tokio::{io::AsyncReadExt, net::TcpListener};
use tonic::{Code, Status};

use crate::{
    fake::{Fake, HEAD, come_back, refused},
    wire::Wire,
};

const POLICY: RetryPolicy = RetryPolicy {
    tries_max: 5,
    time_max: Duration::from_secs(20),
    delay: Duration::from_millis(1),
    delay_max: Duration::from_millis(10),
};

fn undo() -> v1::UndoCommitRequest {
    v1::UndoCommitRequest { parent: "projects/p".to_owned(), revision: 7, ..Default::default() }
}

/// Calls with these refusals before the answer, and returns the answer and the request ids that were sent.
async fn call(
    refusals: Vec<Status>,
    request: v1::UndoCommitRequest,
) -> (Result<v1::UndoCommitResponse, Status>, Vec<String>) {
    let fake = Fake::default();
    fake.state().refusals = refusals;
    let wire = Wire::breaking_after(usize::MAX, fake.serve().await).await;
    let client = Client::connect(&wire.server).await.unwrap().with_retry(POLICY);
    let answer = client.call(request).await;
    let ids = fake.state().undos.iter().map(|request| request.request_id.clone()).collect();
    (answer, ids)
}

#[tokio::test]
async fn each_try_bears_the_same_request_id() {
    let passing = vec![
        come_back("OVERLOADED"),
        refused(Code::Aborted, "CONFLICT"),
        Status::unavailable(""),
        come_back("SHUTTING_DOWN"),
    ];
    let (answer, ids) = call(passing.clone(), undo()).await;
    assert_eq!(answer.unwrap().revision, HEAD);
    assert_eq!(ids.len(), 5);
    assert!(ids.iter().all(|id| *id == ids[0] && id.len() == 36), "{ids:?}");

    let own =
        v1::UndoCommitRequest { request_id: "0190163d-8694-739b-aea5-966c26f8ad91".to_owned(), ..undo() };
    let (_, ids) = call(passing, own.clone()).await;
    assert_eq!(ids, vec![own.request_id; 5]);
}

#[tokio::test]
async fn a_refusal_is_not_asked_for_twice() {
    for status in
        [refused(Code::Aborted, "UNDO_CONFLICT"), refused(Code::InvalidArgument, "REQUEST_ID_REUSED")]
    {
        let (answer, ids) = call(vec![status.clone()], undo()).await;
        assert_eq!((answer.unwrap_err().message(), ids.len()), (status.message(), 1));
    }
    let (answer, ids) = call(vec![come_back("OVERLOADED"); 9], undo()).await;
    assert_eq!((answer.unwrap_err().code(), ids.len()), (Code::Unavailable, 5));
}

/// The connection breaks after each byte of the answer.
#[tokio::test]
async fn a_call_whose_answer_is_cut_off_anywhere_is_answered() {
    let mut twice = 0;
    for bytes in 0.. {
        let fake = Fake::default();
        let wire = Wire::breaking_after(bytes, fake.serve().await).await;
        let client = loop {
            match Client::connect(&wire.server).await {
                Ok(client) => break client.with_retry(POLICY),
                Err(error) => assert!(wire.broke(), "{error}"),
            }
        };
        assert_eq!(client.call(undo()).await.unwrap().revision, HEAD, "after {bytes} bytes");
        let undos = fake.state().undos.clone();
        assert!(undos.iter().all(|request| request.request_id == undos[0].request_id));
        if !wire.broke() {
            break;
        }
        twice += usize::from(undos.len() == 2);
    }
    assert!(twice > 20, "only {twice} answers were cut off");
}

#[tokio::test]
async fn nobody_at_the_address_is_told_with_the_cause() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let server = Server::parse(&gone.to_string()).unwrap();
    let error = Client::connect(&server).await.unwrap_err();
    assert_eq!(error.server(), &server);
    assert!(error.cause().contains("refused"), "{error}");
}

/// What a server that is killed leaves its callers with.
#[tokio::test]
async fn a_connection_that_is_reset_within_a_call_is_a_broken_one() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server::parse(&listener.local_addr().unwrap().to_string()).unwrap();
    let accepted = tokio::spawn(async move {
        let mut connections = 0;
        while let Ok((mut stream, _)) = listener.accept().await {
            connections += 1;
            stream.set_zero_linger().unwrap();
            let _ = stream.read(&mut [0; 16]).await;
            if connections == 3 {
                break;
            }
        }
    });
    let client = Client::connect(&server).await.unwrap().with_retry(POLICY);
    let status = client.call(undo()).await.unwrap_err();
    assert!(matches!(status.code(), Code::Unknown | Code::Unavailable), "{status:?}");
    accepted.await.unwrap();
}
