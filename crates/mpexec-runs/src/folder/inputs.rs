//! Whether the inputs are still those of the plan, while a run goes on.

use super::RunFolder;
use crate::error::RunError;

impl RunFolder {
    /// Sees whether all inputs are still the files that were looked at for the plan, nobody has touched them since, and samples of their bytes are the same. To be asked before
    /// anything is made of the results together; each by itself was published only while the files were untouched.
    ///
    /// ```
    /// # use std::collections::BTreeMap;
    /// use mpexec_runs::{Cut, InputId, Plan, Program, RunError, RunFolder};
    /// # let folder = tempfile::tempdir()?;
    /// # let input = folder.path().join("input");
    /// std::fs::write(&input, "as it was")?;
    /// # let plan = Plan {
    /// #     program: Program { name: "mine".into(), version: "1".into(), hash: "1".into() },
    /// #     task: "square".into(), signature: String::new(), inputs: vec![InputId::of(&input)?], command: None,
    /// #     options: BTreeMap::new(), cut: Cut { as_for_workers: 8, range_weight: 1 << 25, range_tasks: 4096 },
    /// # };
    /// let run = RunFolder::open(&folder.path().join("run"), &plan, false)?;
    /// run.inputs_hold()?;
    /// std::fs::write(&input, "as it is")?;
    /// assert!(matches!(run.inputs_hold(), Err(RunError::InputChanged { .. })));
    /// assert!(run.publish("rows-0", "-", b"of which of them?").is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`RunError::InputChanged`] with the first that is not, [`RunError::Io`] if one cannot be read.
    pub fn inputs_hold(&self) -> Result<(), RunError> {
        for input in &self.plan().inputs {
            if let Some(change) = input.touched()? {
                return Err(self.changed(change));
            }
        }
        Ok(())
    }

    /// The same without reading them, which costs next to nothing.
    pub(super) fn inputs_seem_to_hold(&self) -> Result<(), RunError> {
        if self.plan().inputs.iter().all(|input| input.is_untouched()) { Ok(()) } else { self.inputs_hold() }
    }

    fn changed(&self, change: String) -> RunError {
        RunError::InputChanged { path: self.path().to_path_buf(), change }
    }
}
