//! Channels between tasks, processes and this one: every message once, whole, in order, of any size, with what it names.

use std::collections::HashSet;
use std::time::Duration;

use mpexec_core::{
    Process, Receiver, RecvError, SendError, Sender, Shared, TaskError, Transport, channel, channel_with_capacity,
    context,
};

use crate::common::{Watchdog, builder, pool, wait_until};
use crate::contract;

fn count_up(sender: Sender<u64>, to: u64) -> u64 {
    for n in 0..to {
        sender.send(&n).unwrap();
    }
    to
}

fn add_up(receiver: Receiver<u64>) -> u64 {
    receiver.iter().map(Result::unwrap).sum()
}

fn messages_of_one_sender_come_in_their_order_and_then_the_end(link: Transport) {
    let pool = pool(link, 1);
    let (sender, receiver) = channel().unwrap();
    let sent = pool.apply_async(count_up, (sender, 5000));
    assert!(receiver.iter().map(Result::unwrap).eq(0..5000));
    assert_eq!(receiver.recv(), Err(RecvError::NoSenders));
    assert_eq!(sent.get().unwrap(), 5000);
}

fn a_task_receives_what_this_process_sends(link: Transport) {
    let pool = pool(link, 1);
    let (sender, receiver) = channel().unwrap();
    let sum = pool.apply_async(add_up, (receiver,));
    count_up(sender, 5000);
    assert_eq!(sum.get().unwrap(), 4999 * 5000 / 2);
}

fn each_message_of_many_senders_goes_to_one_of_many_receivers(link: Transport) {
    let pool = pool(link, 4);
    let (sender, receiver) = channel().unwrap();
    let sums = [(); 2].map(|()| pool.apply_async(add_up, (&receiver,)));
    drop(receiver);
    let sent = [(); 2].map(|()| pool.apply_async(count_up, (&sender, 3000)));
    drop(sender);
    sent.into_iter().for_each(|sent| assert_eq!(sent.get().unwrap(), 3000));
    assert_eq!(sums.map(|sum| sum.get().unwrap()).iter().sum::<u64>(), 2 * (2999 * 3000 / 2));
}

fn a_message_may_have_any_length(link: Transport) {
    let pool = pool(link, 1);
    let ((sender, requests), (replies, receiver)) = (channel::<Vec<u8>>().unwrap(), channel::<Vec<u8>>().unwrap());
    let echo = |requests: Receiver<Vec<u8>>, replies: Sender<Vec<u8>>| {
        for request in &requests {
            replies.send(&request.unwrap()).unwrap();
        }
    };
    let echoed = pool.apply_async(echo, (requests, replies));
    for length in [0, 1, 1000, 26_000, 32 << 10, (32 << 10) + 1, 300_000, 20 << 20] {
        let message: Vec<u8> = (0..length).map(|n| n as u8).collect();
        sender.send(&message).unwrap();
        match receiver.recv() {
            Ok(echo) => assert!(echo == message, "{length} bytes"),
            Err(error) => panic!("{length} bytes: {error}; the echo: {:?}", echoed.get()),
        }
    }
    drop(sender);
    echoed.get().unwrap();
}

type Request = (u64, Sender<u64>);

fn the_way_of_the_answer_travels_in_the_question(link: Transport) {
    let pool = pool(link, 1);
    let (sender, requests) = channel::<Request>().unwrap();
    let serve = |requests: Receiver<Request>| {
        requests.iter().map(Result::unwrap).map(|(n, reply)| reply.send(&(n * n)).unwrap()).count()
    };
    let served = pool.apply_async(serve, (requests,));
    for n in 0..100 {
        let (reply, answer) = channel().unwrap();
        sender.send(&(n, reply)).unwrap();
        assert_eq!(answer.iter().collect::<Result<Vec<_>, _>>(), Ok(vec![n * n]));
    }
    drop(sender);
    assert_eq!(served.get().unwrap(), 100);
}

fn a_buffer_that_a_worker_made_comes_through_a_channel(link: Transport) {
    let pool = pool(link, 1);
    let (sender, receiver) = channel::<Vec<Shared<u32>>>().unwrap();
    let make = |sender: Sender<Vec<Shared<u32>>>| {
        let one = Shared::build(100_000, |numbers| numbers.fill(3)).unwrap();
        let other = Shared::from_slice(&[4]).unwrap();
        sender.send(&vec![one.clone(), other, one]).unwrap();
    };
    pool.apply(make, (sender,)).unwrap();
    let buffers = receiver.recv().unwrap();
    assert_eq!(
        buffers.iter().map(|buffer| (buffer.len(), buffer[0])).collect::<Vec<_>>(),
        [(100_000, 3), (1, 4), (100_000, 3)]
    );
    // It can be passed on like one of our own.
    let sums = pool.map(|buffer: Shared<u32>| buffer.iter().sum::<u32>(), &buffers).unwrap();
    assert_eq!(sums, [300_000, 4, 300_000]);
}

fn an_end_in_the_context_is_there_in_every_worker(link: Transport) {
    let (sender, receiver) = channel::<u64>().unwrap();
    let pool = builder(link, 2).context(&sender).unwrap().build().unwrap();
    drop(sender);
    let sent = pool.map_async(|n: u64| context::<Sender<u64>>().send(&n).unwrap(), 0..500);
    let mut came: Vec<_> = (0..500).map(|_| receiver.recv().unwrap()).collect();
    came.sort_unstable();
    assert!(came.into_iter().eq(0..500));
    assert_eq!(sent.get().unwrap().len(), 500);
    assert_eq!(receiver.try_recv(), Err(RecvError::Empty), "the pool has it still");
}

fn many_tasks_may_name_one_channel(link: Transport) {
    let pool = pool(link, 2);
    let (sender, receiver) = channel::<u32>().unwrap();
    let reader = std::thread::spawn(move || receiver.iter().collect::<Result<HashSet<_>, _>>().unwrap());
    let task = |n: u32, sender: Sender<u32>| sender.send(&n).unwrap();
    let sent = pool.starmap_async(task, (0..10_000).map(|n| (n, sender.clone())));
    drop(sender);
    sent.get().unwrap();
    assert_eq!(reader.join().unwrap().len(), 10_000);
}

fn a_result_takes_no_end_and_says_what_to_do(link: Transport) {
    let pool = pool(link, 1);
    let error = pool.apply(|| channel::<u8>().unwrap().0, ()).unwrap_err();
    let TaskError::ResultUnencodable { message } = error else { panic!("{error:?}") };
    assert!(message.contains("a Sender") && message.contains("send it through a channel"), "{message}");
}

contract!(
    messages_of_one_sender_come_in_their_order_and_then_the_end,
    a_task_receives_what_this_process_sends,
    each_message_of_many_senders_goes_to_one_of_many_receivers,
    a_message_may_have_any_length,
    the_way_of_the_answer_travels_in_the_question,
    a_buffer_that_a_worker_made_comes_through_a_channel,
    an_end_in_the_context_is_there_in_every_worker,
    many_tasks_may_name_one_channel,
    a_result_takes_no_end_and_says_what_to_do,
);

#[test]
fn processes_talk_to_each_other_and_to_us() {
    let _watchdog = Watchdog::new();
    let ((sender, between), (to_us, receiver)) = (channel::<u64>().unwrap(), channel::<u64>().unwrap());
    let mut first = Process::spawn(count_up, (sender, 1000)).unwrap();
    let double = |from: Receiver<u64>, to: Sender<u64>| from.iter().for_each(|n| to.send(&(2 * n.unwrap())).unwrap());
    let mut second = Process::spawn(double, (between, to_us)).unwrap();
    assert!(receiver.iter().map(Result::unwrap).eq((0..1000).map(|n| 2 * n)));
    first.join().unwrap();
    second.join().unwrap();
}

#[test]
fn who_will_not_wait_is_told_so() {
    let _watchdog = Watchdog::new();
    let (sender, receiver) = channel_with_capacity::<u64>(4 << 10).unwrap();
    let limit = Duration::from_millis(3);
    assert_eq!(receiver.try_recv(), Err(RecvError::Empty));
    assert_eq!(receiver.recv_timeout(limit), Err(RecvError::TimedOut(limit)));
    let ahead = (0..).take_while(|n| sender.try_send(n).is_ok()).count() as u64;
    assert!((1..1000).contains(&ahead), "{ahead}");
    assert_eq!(sender.send_timeout(&7, limit), Err(SendError::TimedOut(limit)));
    assert!((0..ahead).map(|_| receiver.try_recv().unwrap()).eq(0..ahead));
    drop(receiver);
    // A child that another test starts just now has that end too, until it runs its program.
    wait_until("nobody receives any more", || sender.try_send(&7) == Err(SendError::NoReceivers));
    assert_eq!(sender.send(&7), Err(SendError::NoReceivers));
}

#[test]
fn large_messages_that_nobody_receives_do_not_pile_up() {
    let _watchdog = Watchdog::new();
    let (sender, receiver) = channel::<Vec<u8>>().unwrap();
    let large = vec![1; 1 << 20];
    let ahead = (0..1000).take_while(|_| sender.try_send(&large).is_ok()).count();
    assert!((1..20).contains(&ahead), "{ahead}");
    assert_eq!(receiver.recv().unwrap(), large);
}

#[test]
fn a_sender_that_waits_for_room_goes_on_when_there_is_some() {
    let _watchdog = Watchdog::new();
    let (sender, receiver) = channel_with_capacity::<Vec<u8>>(1).unwrap();
    let sending = std::thread::spawn(move || (0..500).for_each(|n| sender.send(&vec![n as u8; n]).unwrap()));
    for (n, message) in receiver.iter().enumerate() {
        assert_eq!(message.unwrap(), vec![n as u8; n]);
    }
    sending.join().unwrap();
}

#[test]
fn more_than_a_message_takes_along_is_an_error_and_as_many_are_not() {
    let _watchdog = Watchdog::new();
    let (sender, receiver) = channel::<Vec<Sender<u8>>>().unwrap();
    let (end, _rest) = channel().unwrap();
    let error = sender.send(&vec![end.clone(); 254]).unwrap_err();
    assert!(matches!(&error, SendError::Unencodable { message } if message.contains("254 channels")), "{error}");
    sender.send(&vec![end; 253]).unwrap();
    assert_eq!(receiver.recv().unwrap().len(), 253);
}

#[test]
fn an_end_is_nothing_outside_of_what_takes_it_along() {
    let (sender, _receiver) = channel::<u8>().unwrap();
    let error = mpexec_wire::encode_to_vec(&sender).unwrap_err().to_string();
    assert!(error.contains("a Sender can only be encoded as an argument"), "{error}");
    assert!(mpexec_wire::decode::<Receiver<u8>>(&[1, 0, 0, 0, 0, 0, 0, 0, 0]).is_err());
    assert_eq!(format!("{sender:?}"), "Sender<u8>");
}
