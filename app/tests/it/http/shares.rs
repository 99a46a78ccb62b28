//! A client that takes none of its answers, and what is left for others.

use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::future::join_all;
use h2::RecvStream;
use h2::client::SendRequest;
use http::Response;
use tenfold::both_databases;
use tokio::sync::oneshot::Receiver;
use tokio::sync::oneshot::error::TryRecvError;

use super::buffers::{
    LIMIT, asks, figure, held, holds_nothing, is_served_at_last, narrow_and, run, zero_window,
};
use super::connections::{get, soon};
use crate::{new_owner, sign_up, text};

/// One request at a time. The others wait, so that they arrive before the first is answered.
const ONE: [(&str, &str); 5] = [
    ("admission.min_limit", "1"),
    ("admission.max_limit", "1"),
    ("admission.max_waiting", "1000"),
    ("admission.max_wait", "1h"),
    ("admission.overload_wait", "1h"),
];

/// A connection of HTTP/2 on which so many answers were asked for at once. It takes no byte of those that came.
struct Taker {
    end: Receiver<()>,
    _answers: (SendRequest<Bytes>, Vec<Response<RecvStream>>),
}

impl Taker {
    async fn ask(address: SocketAddr, token: &str, answers: usize) -> Self {
        let (client, end) = zero_window(address).await;
        let mut asked = Vec::new();
        for _ in 0..answers {
            let request = http::Request::get("http://app.test/openapi.json");
            let request =
                request.header("authorization", format!("Bearer {token}")).body(()).expect("it is one");
            // It may have been cut.
            let Ok(mut client) = soon("HTTP/2 is ready", client.clone().ready()).await else { break };
            let Ok((answer, _)) = client.send_request(request, true) else { break };
            asked.push(answer);
        }
        let answers = soon("answers come", join_all(asked)).await;
        Taker { end, _answers: (client, answers.into_iter().flatten().collect()) }
    }

    fn is_open(&mut self) -> bool {
        self.end.try_recv() == Err(TryRecvError::Empty)
    }
}

both_databases!(app::app(), narrow_and(&ONE); async fn others_are_served_beside_a_client_that_takes_nothing(app) {
    let other = new_owner(app).await;
    let greedy = text(&sign_up(app, "owner@greedy.test").await["token"]);
    app.listen(async |address| {
        let takers = join_all((0..6).map(|_| Taker::ask(address, &greedy, 3))).await;
        assert!(held(app).await <= LIMIT, "each looks again before it begins");
        for _ in 0..20 {
            let answer = asks(address, &get("/v1/users", &other)).await;
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        }
        drop(takers);
        holds_nothing(app).await;
    })
    .await;
});

#[test]
fn a_client_makes_room_for_itself_and_others_stay() {
    run(async |app, address| {
        let other = text(&sign_up(app, "owner@other.test").await["token"]);
        let greedy = text(&sign_up(app, "owner@greedy.test").await["token"]);
        // It has stood still for longer than all others.
        let mut slow = Taker::ask(address, &other, 1).await;
        let mut takers = Vec::new();
        for _ in 0..8 {
            takers.push(Taker::ask(address, &greedy, 1).await);
        }
        is_served_at_last(address, &get("/openapi.json", &greedy), "200").await;
        assert!(figure(app, "tenfold_http_buffer_cut_total").await > 0);
        assert!(slow.is_open());
        drop((slow, takers));
        holds_nothing(app).await;
    });
}

#[test]
fn a_refusal_is_a_head_while_other_answers_are_left() {
    run(async |app, address| {
        let (client, end) = zero_window(address).await;
        let mut answers = Vec::new();
        let (refused, before) = soon("one is refused", async {
            loop {
                let before = held(app).await;
                let request = http::Request::get("http://app.test/openapi.json").body(()).expect("it is one");
                let mut client = client.clone().ready().await.expect("the connection is open");
                let (answer, _) = client.send_request(request, true).expect("the connection is open");
                let answer = answer.await.expect("an answer comes");
                if answer.status() != 200 {
                    break (answer, before);
                }
                answers.push(answer);
            }
        })
        .await;
        assert_eq!(refused.status(), 503);
        assert_eq!(refused.headers()["retry-after"], "1");
        assert!(refused.body().is_end_stream());
        assert_eq!(held(app).await, before, "it is not held");
        drop((client, end, answers, refused));
        holds_nothing(app).await;
    });
}
