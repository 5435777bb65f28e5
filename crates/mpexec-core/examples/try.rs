//! scratch
use mpexec_core::*;
use std::time::*;
fn rowcount(row: Vec<i64>, a: i64, b: i64) -> usize {
    row.into_iter().filter(|n| (a..=b).contains(n)).count()
}
fn main() -> Result<(), Box<dyn std::error::Error>> {
    init();
    let tr = std::env::args().nth(1).unwrap_or("auto".into()).parse::<Transport>()?;
    let t = Instant::now();
    let pool = Pool::builder().workers(Workers::Exact(2)).transport(tr).notes(|l| eprintln!("note: {l}")).build()?;
    println!("build {:?}", t.elapsed());
    println!("ready {} {:?}", pool.wait_ready(None), t.elapsed());
    println!("{:?}", pool.apply(rowcount, (vec![8, 8, 3, 7, 7], 4, 8)));
    let t = Instant::now();
    let n = 20000;
    for i in 0..n {
        assert_eq!(pool.apply(|n: u64| n * n, (i,))?, i * i);
    }
    println!("apply each {:?}", t.elapsed() / n as u32);
    for _ in 0..3 {
        let t = Instant::now();
        let v = pool.map(|n: u64| n * n, 0..1_000_000)?;
        assert!(v.iter().enumerate().all(|(i, v)| *v == (i * i) as u64));
        println!("map 1M {:?}", t.elapsed());
    }
    let rows: Vec<Vec<i64>> = (0..200_000).map(|i| (0..5).map(|j| (i * 7 + j * 3) % 10).collect()).collect();
    for _ in 0..3 {
        let t = Instant::now();
        let v = pool.starmap(rowcount, rows.iter().map(|r| (r, 4, 8)))?;
        println!("starmap 200k {:?} {}", t.elapsed(), v.iter().sum::<usize>());
    }
    let t = Instant::now();
    let ps: Vec<_> = (0..1_000_000u64).map(|i| pool.apply_async(|n: u64| n + 1, (i,))).collect();
    println!("submitted {:?}", t.elapsed());
    for (i, p) in ps.into_iter().enumerate() {
        assert_eq!(p.get()?, i as u64 + 1);
    }
    println!("apply_async 1M {:?}", t.elapsed());
    let r = pool.apply(|n: i32| 10 / n, (0,));
    println!("{r:?}");
    let r = pool.apply(
        |b: bool| {
            if b {
                std::process::abort()
            }
        },
        (true,),
    );
    println!("{r:?}");
    println!("{:?}", pool.apply(|n: i32| 10 / n, (5,)));
    let big = vec![7u8; 100 << 20];
    let t = Instant::now();
    let back = pool.apply(|v: Vec<u8>| v, (&big,))?;
    println!("100MiB there and back {:?} {}", t.elapsed(), back == big);
    let mut p = Process::spawn(|a: u32| a + 1, (1,))?;
    println!("{:?} {:?} {}", p.join(), p.exit_status(), p.is_alive());
    pool.close();
    pool.join()?;
    println!("end");
    Ok(())
}
