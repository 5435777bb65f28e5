//! Deaths while nothing ran, and those of workers with tasks that may be started once only.

use super::*;

fn sched_of_once(attempts: u32) -> Scheduler {
    let mut sched = ready(1, 1);
    let terms = Terms { attempts, limit: None, cpu_limit: None, memory: None, retry_after: None, once: true };
    sched.open_job(JOB, Job::on(Function { kind: FunctionKind::Offset, id: 1 }, terms));
    sched
}

fn charge(index: u64) -> Action {
    Action::Charge { worker: 0, job: JOB, index, attempt: 1 }
}

#[test]
fn a_task_that_may_run_once_is_charged_at_its_first_death_however_many_attempts_were_given() {
    let mut sched = sched_of_once(100);
    let (batch, base) = give(&mut sched, 0, 0, 4, 1);
    sched.settle(0, batch, 0, 1).unwrap();
    let lost = Event::Lost { worker: 0, running: Some(base + 1), spent: false, begun: base + 1 };
    assert_eq!(told(&mut sched, lost), [requeue(0, 2, 2, 2, 1), charge(1)]);
}

#[test]
fn a_task_that_has_run_and_whose_result_is_lost_is_not_run_again() {
    let mut sched = sched_of_once(1);
    let (_, base) = give(&mut sched, 0, 0, 4, 1);
    let lost = Event::Lost { worker: 0, running: Some(base + 2), spent: true, begun: base + 2 };
    assert_eq!(told(&mut sched, lost), [requeue(0, 3, 3, 1, 1), charge(0), charge(1), charge(2)]);
    let (_, base) = give(&mut sched, 0, 10, 3, 1);
    let lost = Event::Lost { worker: 0, running: None, spent: false, begun: base + 1 };
    assert_eq!(told(&mut sched, lost), [requeue(0, 1, 11, 2, 1), charge(10)]);
}

#[test]
fn of_a_worker_gone_mad_every_task_may_have_been_started() {
    let mut sched = sched_of_once(1);
    give(&mut sched, 0, 0, 2, 1);
    give(&mut sched, 0, 5, 1, 1);
    // What was taken back before lies with nobody.
    told(&mut sched, Event::TakenBack { worker: 0, from: 2, to: 3 });
    let lost = Event::Lost { worker: 0, running: Some(0), spent: false, begun: u64::MAX };
    assert_eq!(told(&mut sched, lost), [charge(0), charge(1)]);
    assert_eq!(sched.unsettled(), 0);
}

#[test]
fn what_had_not_started_is_run_elsewhere() {
    let mut sched = sched_of_once(1);
    give(&mut sched, 0, 0, 3, 1);
    let lost = Event::Lost { worker: 0, running: None, spent: false, begun: 0 };
    assert_eq!(told(&mut sched, lost), [requeue(0, 0, 0, 3, 1)]);
}

#[test]
fn a_death_while_nothing_ran_charges_nobody() {
    let mut sched = ready(1, 1);
    let (batch, _) = give(&mut sched, 0, 0, 3, 1);
    sched.settle(0, batch, 0, 1).unwrap();
    assert_eq!(told(&mut sched, lost(None)), [requeue(0, 1, 1, 2, 1)]);
}

#[test]
fn an_idle_worker_leaves_nothing_behind() {
    let mut sched = ready(1, 1);
    assert_eq!(told(&mut sched, lost(None)), []);
    assert_eq!(told(&mut sched, lost(Some(u64::MAX))), []);
}
