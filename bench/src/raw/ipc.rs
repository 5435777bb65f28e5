//! ipc-channel: typed channels to another process, without a pool.

use std::ffi::OsString;
use std::process::Child;

use anyhow::{Context, Result, ensure};
use ipc_channel::ipc::{self, IpcOneShotServer, IpcReceiver, IpcSender};

pub(crate) const ROLE: &str = "ipc-channel";

/// The ends that the child sends to its parent.
type Ends = (IpcSender<u64>, IpcReceiver<u64>);

/// A child that answers.
pub(crate) struct Echo {
    child: Child,
    to: IpcSender<u64>,
    from: IpcReceiver<u64>,
}

impl Echo {
    /// # Errors
    /// Why there is none.
    pub(crate) fn start() -> Result<Echo, String> {
        let start = || -> Result<Echo> {
            let (server, name) = IpcOneShotServer::<Ends>::new()?;
            let child = super::child(ROLE)?.arg(name).spawn()?;
            let (_, (to, from)) = server.accept()?;
            Ok(Echo { child, to, from })
        };
        start().map_err(|error| error.to_string())
    }

    /// So many calls, with so many of them under way.
    pub(crate) fn outstanding(&mut self, calls: u64, ahead: u64) -> Result<()> {
        for number in 0..calls + ahead {
            if number < calls {
                self.to.send(number)?;
            }
            if number >= ahead {
                let answer = self.from.recv()?;
                ensure!(answer == number - ahead + 1, "ipc-channel answered {answer} to {}", number - ahead);
            }
        }
        Ok(())
    }

    /// There and back.
    pub(crate) fn call(&mut self, number: u64) -> Result<()> {
        self.to.send(number)?;
        let answer = self.from.recv()?;
        ensure!(answer == number + 1, "ipc-channel answered {answer} to {number}");
        Ok(())
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The child: as long as its parent is there.
pub(crate) fn serve(arguments: &[OsString]) -> Result<()> {
    let name = arguments.first().and_then(|name| name.to_str()).context("the name of the parent's server")?;
    let ((to, taken), (given, from)) = (ipc::channel::<u64>()?, ipc::channel::<u64>()?);
    IpcSender::<Ends>::connect(name.to_owned())?.send((to, from))?;
    while let Ok(number) = taken.recv() {
        given.send(number + 1)?;
    }
    Ok(())
}
