//! A request hidden in another: what a server could read as two is refused, or judged as two.

use super::world::World;

#[tokio::test]
async fn a_request_with_two_lengths_reaches_nobody() {
    let world = World::new(&["a.example"]);
    let hidden = "GET /hidden HTTP/1.1\nHost: b.example\n\n";
    for headers in [
        "Content-Length: 4\nTransfer-Encoding: chunked\n",
        "Transfer-Encoding: chunked\nContent-Length: 4\n",
        "Transfer-Encoding: xchunked\nContent-Length: 4\n",
        "Transfer-Encoding : chunked\n",
        "Transfer-Encoding:\n chunked\n",
        "Content-Length: 4\nContent-Length: 5\n",
        "Content-Length: +4\n",
    ] {
        let refusal = world.http(&format!("POST / HTTP/1.1\nHost: a.example\n{headers}\n0\n\n{hidden}")).await;
        assert!(refusal.starts_with("HTTP/1.1 400 "), "{headers}: {refusal}");
    }
    assert_eq!(world.dialled(), [""; 0]);

    // with one length it passes, and what comes behind it is a request of its own
    let answers =
        world.http(&format!("POST /1 HTTP/1.1\nHost: a.example\nTransfer-Encoding: chunked\n\n0\n\n{hidden}")).await;
    assert!(answers.contains("POST /1 HTTP/1.1") && answers.contains("HTTP/1.1 403 "), "{answers}");
    assert!(!String::from_utf8_lossy(&world.arrived()).contains("hidden"));
}

#[tokio::test]
async fn what_a_body_contains_is_no_request() {
    let world = World::new(&["a.example"]);
    let hidden = "GET /hidden HTTP/1.1\r\nHost: b.example\r\n\r\n";
    let request = format!("POST /1 HTTP/1.1\r\nHost: a.example\r\nContent-Length: {}\r\n\r\n{hidden}", hidden.len());
    let answer = String::from_utf8(world.say(80, request.as_bytes()).await).unwrap();
    assert!(answer.ends_with("POST /1 HTTP/1.1"), "{answer}");
    assert_eq!(world.arrived(), request.as_bytes());
}

#[tokio::test]
async fn lines_that_end_in_lf_alone_and_chunks_that_are_none_go_no_further() {
    let world = World::new(&["a.example"]);
    let refusal = world.say(80, b"GET / HTTP/1.1\nHost: a.example\n\n").await;
    assert!(refusal.starts_with(b"HTTP/1.1 400 "));
    let refusal = world.say(80, b"GET / HTTP/1.1\r\nHost: a.example\r\nX: a\nGET /hidden HTTP/1.1\r\n\r\n").await;
    assert!(refusal.starts_with(b"HTTP/1.1 400 "));
    assert_eq!(world.dialled(), [""; 0]);

    let head = "POST / HTTP/1.1\nHost: a.example\nTransfer-Encoding: chunked\n\n";
    for chunks in ["0x1\nx\n0\n\n", "1 \nx\n0\n\n", "1\nxy\n0\n\n"] {
        assert_eq!(world.http(&format!("{head}{chunks}")).await, "", "{chunks}");
    }
    assert!(world.http(&format!("{head}1\nx\n0\n\n")).await.contains("200 OK"));
}

#[tokio::test]
async fn many_requests_at_once_are_answered_in_their_order() {
    let world = World::new(&["a.example", "b.example"]);
    let of = |(at, name): (usize, &str)| format!("GET /{at} HTTP/1.1\nHost: {name}.example\n\n");
    let requests: Vec<String> = ["a", "c", "b", "a", "c"].into_iter().enumerate().map(of).collect();
    let answers = world.http(&requests.concat()).await;
    let order: Vec<&str> = answers.matches("/0 H").chain(answers.matches("403 Forbidden")).collect();
    assert_eq!(order.len(), 3, "{answers}");
    let at = |text: &str| answers.find(text).unwrap_or_else(|| panic!("{text}: {answers}"));
    assert!(at("GET /0") < at("403 ") && at("403 ") < at("GET /2") && at("GET /2") < at("GET /3"), "{answers}");
    assert!(!String::from_utf8_lossy(&world.arrived()).contains("c.example"));
}
