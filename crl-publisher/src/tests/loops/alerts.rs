//! The alert rules that are shipped, against what the publisher measures.
use super::*;

const RULES: &str = include_str!("../../../../ops/alerts.yaml");

/// Name, metric, `<` or `>`, number: of the rules that compare.
fn rules() -> Vec<(&'static str, &'static str, char, f64)> {
    let after = |line: &'static str, key: &str| line.trim_start_matches([' ', '-']).strip_prefix(key);
    let (mut name, mut found) = ("", Vec::new());
    for line in RULES.lines() {
        if let Some(alert) = after(line, "alert: ") {
            name = alert;
        }
        let Some(expression) = after(line, "expr: ").filter(|expression| !expression.starts_with("absent(")) else {
            continue;
        };
        let [metric, comparison, number] = expression.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{expression} is not one metric against one number")
        };
        assert!(["<", ">"].contains(&comparison), "{expression}");
        found.push((name, metric, comparison.chars().next().unwrap(), number.parse().unwrap()));
    }
    assert!(found.len() > 2, "only {found:?} were recognised");
    found
}

impl Running {
    /// The rules that speak at this instant. A metric that is not there makes none speak, as in Prometheus.
    fn alerts(&self) -> Vec<&'static str> {
        let speaks = |(name, metric, comparison, number)| {
            let value = self.metric(metric)?;
            (if comparison == '<' { value < number } else { value > number }).then_some(name)
        };
        rules().into_iter().filter_map(speaks).collect()
    }
}

#[tokio::test]
async fn no_alert_speaks_while_each_morning_comes() {
    let running = Running::start(World::new()).await;
    assert_eq!(running.alerts(), [""; 0]);
    for day in ["2026-11-23", "2026-11-24", "2026-11-25"] {
        for (hour, minute, second) in
            [(0, 0, 0), (6, 54, 59), (6, 55, 0), (6, 59, 59), (7, 0, 0), (7, 0, 1), (23, 59, 59)]
        {
            running.at(jst(day, hour, minute, second)).await;
            assert_eq!(running.alerts(), [""; 0], "{day} {hour}:{minute}:{second}");
        }
    }
}

#[tokio::test]
async fn a_publisher_that_hangs_is_told_of_a_minute_after_the_flip_and_for_as_long_as_it_hangs() {
    let running = Running::start(World::new()).await;
    running.task.abort();
    let alerts = |now: UnixTime| {
        running.world.clock.set(now);
        running.alerts()
    };
    assert_eq!(alerts(jst("2026-11-23", 7, 1, 0)), [""; 0]);
    assert_eq!(alerts(jst("2026-11-23", 7, 1, 1)), ["AkashiCrlOverdue"]);
    // Two repairs before the CRLs run out, at 06:55 on the 24th.
    assert_eq!(alerts(jst("2026-11-23", 14, 55, 0)), ["AkashiCrlOverdue"]);
    assert_eq!(alerts(jst("2026-11-23", 14, 55, 1)), ["AkashiCrlOverdue", "AkashiCrlRunsOut"]);
    assert_eq!(alerts(jst("2026-11-24", 7, 0, 0)), ["AkashiCrlOverdue", "AkashiCrlRunsOut"]);
}

#[tokio::test]
async fn a_clock_that_was_set_back_is_told_of_and_a_first_cut_that_does_not_come() {
    let running = Running::start(World::new()).await;
    running.at(jst("2026-11-22", 6, 54, 59)).await;
    assert_eq!(running.alerts(), ["AkashiClockBehind"]);
    let world = World::new();
    world.signers[0].misbehave(Mischief::OtherKey);
    let running = Running::start(world).await;
    running.at(jst("2026-11-22", 6, 56, 0)).await;
    assert_eq!(running.alerts(), [""; 0]);
    running.at(jst("2026-11-22", 6, 57, 0)).await;
    assert_eq!(running.alerts(), ["AkashiCrlOverdue"]);
}
