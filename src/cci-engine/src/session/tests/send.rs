//! What `tmux send` does with what a pane shows.

use cci_core::{Error, Result};
use cci_incus::fake::Answer;

use crate::session::tmux::{Input, send};
use crate::testing::World;

/// Sends a prompt to a pane whose shell answers so, order by order.
async fn sent(answers: &[&str]) -> Result<()> {
    text_sent("hi", answers).await
}

async fn text_sent(text: &str, answers: &[&str]) -> Result<()> {
    let world = World::new();
    world.container("cci-a-1").put();
    let stdout = format!(".{}\0", answers.join("\0"));
    world.daemon.answer("cci", Answer { stdout: stdout.into(), status: 0, ..Answer::default() });
    send(&world.cx(), "cci-a-1", &Input::Text { text: text.into(), enter: true }, false).await
}

/// What is seen with its turn.
const TURN: &str = "front dummy\n";

#[tokio::test]
async fn a_prompt_is_pasted_where_one_is_taken_and_has_to_leave_it() {
    let at = |typed: &str| format!("front dummy\nYou: {typed}\n");
    let (empty, typed) = (at(""), at("hi"));
    let done = format!("{typed}hi-BACK\nYou:\n");
    sent(&[TURN, "starting dummy\n", &empty, &typed, &typed, &typed, &done]).await.unwrap();
}

#[tokio::test]
async fn an_empty_text_is_nothing_to_paste_and_enter_is_pressed() {
    let world = World::new();
    world.container("cci-a-1").put();
    world.daemon.answer("cci", Answer { stdout: b".front dummy\n$\n\0".to_vec(), status: 0, ..Answer::default() });
    send(&world.cx(), "cci-a-1", &Input::Text { text: Vec::new(), enter: true }, true).await.unwrap();
}

#[tokio::test]
async fn an_agent_that_has_exited_is_named_with_its_last_lines() {
    match sent(&[TURN, "ended dummy\nsandbox is demanded\ncode@c:/workspace$\n"]).await {
        Err(Error::AgentEnded { last, .. }) => assert_eq!(last, "sandbox is demanded"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_agent_that_cannot_read_gets_nothing() {
    for (state, words) in [("stopped", "it is suspended"), ("unknown", "another release")] {
        match sent(&[TURN, &format!("{state} dummy\nYou:\n")]).await {
            Err(Error::NoPrompt { problem, .. }) => assert!(problem.contains(words), "{problem}"),
            other => panic!("{state}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn an_agent_that_exits_between_the_look_and_the_paste_gets_nothing() {
    let done = sent(&[TURN, "front dummy\nYou:\n", "ended dummy\n$\n"]).await;
    assert!(matches!(done, Err(Error::AgentEnded { .. })), "{done:?}");
}

#[tokio::test]
async fn a_question_is_not_answered_with_a_prompt() {
    let agent = cci_agent::default_agent().name();
    let asks =
        format!("front {agent}\nDo you trust this folder?\n ❯ No, exit\n   Yes\n Enter to confirm · Esc to cancel\n");
    match sent(&vec![asks.as_str(); 30]).await {
        Err(Error::NoPrompt { problem, .. }) => assert!(problem.contains("Do you trust this folder?"), "{problem}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_prompt_waits_for_its_turn_among_several() {
    match sent(&["taken dummy\nYou:\n"]).await {
        Err(Error::NoPrompt { problem, .. }) => assert!(problem.contains("somebody else"), "{problem}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn blanks_are_no_prompt_and_are_not_left_at_it() {
    for text in ["   ", "\n\n", "\t"] {
        match text_sent(text, &[TURN, "front dummy\nYou:\n"]).await {
            Err(Error::NoPrompt { problem, .. }) => assert!(problem.contains("blanks"), "{problem}"),
            other => panic!("{text:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_container_that_is_paused_is_named_with_the_way_on() {
    let world = World::new();
    world.container("cci-a-1").frozen().put();
    let sent = send(&world.cx(), "cci-a-1", &Input::Keys(vec!["a".into()]), false).await;
    assert!(matches!(sent, Err(Error::ContainerNotRunning { .. })), "{sent:?}");
}
