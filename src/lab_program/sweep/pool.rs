//! The processes of a sweep on this machine.

use std::collections::{HashSet, VecDeque};
use std::fs::File;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};

use super::grid::Point;
use super::manifest::{Sweep, is_over};
use super::watch::Watch;
use crate::lab::error::Failure;
use crate::lab::log::console::Console;
use crate::lab::store::record::{RecordFile, Status};
use crate::lab::store::{folder, regular};
use crate::lab::train::signals::{StopSignal, is_interruption};
use crate::lab_program::find::run::Run;

/// The variable by which CUDA shows a process some of the GPUs.
pub const VISIBLE: &str = "CUDA_VISIBLE_DEVICES";

/// Times that a point is begun again after its process was killed.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(100);
/// Pauses from one look at the progress to the next: it reads the log of every running point, on the
/// cores that compute them.
const LOOK_EVERY: u64 = 10;
/// Pauses from one look for hopeless points to the next, which reads what was added to the logs alone.
const JUDGE_EVERY: u64 = 2;

/// A place in which a point can run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The GPU that its process sees, as `CUDA_VISIBLE_DEVICES` names it; none where that stays as it is.
    pub gpu: Option<String>,
}

struct Member {
    point: Point,
    slot: Slot,
    process: Child,
    /// Whether it was told to end early.
    stopped: bool,
}

impl Member {
    fn ask_to_end(&self) {
        if let Some(pid) = Pid::from_raw(self.process.id() as i32) {
            let _ = kill_process(pid, Signal::TERM);
        }
    }
}

/// Runs the points that are not finished, as many at a time as there are slots.
pub struct Pool<'a> {
    sweep: &'a Sweep,
    program: PathBuf,
    free: Vec<Slot>,
    waiting: VecDeque<Point>,
    running: Vec<Member>,
    tries: std::collections::HashMap<String, u32>,
    /// Points that ended otherwise than well, each with a reason.
    pub failed: Vec<(String, String)>,
    /// Points that were stopped early.
    pub stopped: usize,
    watch: Option<Watch<'a>>,
    finished: usize,
    steps: u64,
}

impl<'a> Pool<'a> {
    /// A pool with the points of a sweep that are not over.
    ///
    /// # Errors
    /// Where there are any, and no program of their experiment.
    pub fn new(sweep: &'a Sweep, slots: Vec<Slot>) -> Result<Self> {
        let mut pool = Self {
            sweep,
            program: PathBuf::new(),
            free: slots,
            waiting: VecDeque::new(),
            running: Vec::new(),
            tries: std::collections::HashMap::new(),
            failed: Vec::new(),
            stopped: 0,
            watch: Watch::over(sweep),
            finished: 0,
            steps: 0,
        };
        for point in &sweep.points {
            match sweep.run(point).filter(is_over) {
                Some(run) => pool.note(point, &run),
                None => pool.waiting.push_back(point.clone()),
            }
        }
        if !pool.waiting.is_empty() {
            pool.program = sweep.find_program()?;
        }
        Ok(pool)
    }

    fn note(&mut self, point: &Point, run: &Run) {
        self.finished += 1;
        self.steps += point.steps.or(run.steps).unwrap_or(0);
        if run.stopped.is_some() {
            self.stopped += 1;
        } else if !run.status.is_done() {
            self.failed.push((point.name.clone(), run.status.name().into()));
        }
    }

    /// Runs them all.
    ///
    /// # Errors
    /// [`Failure::Interrupted`] once every process has saved and ended, where a signal asked for it.
    pub fn run(&mut self, stop: &StopSignal, quiet: bool) -> Result<()> {
        let bar = self.bar(quiet)?;
        let console = Console::new(quiet, false);
        for pause in 0_u64.. {
            if let Some(signal) = stop.received() {
                bar.finish_and_clear();
                console.note("stopping: every run saves first");
                self.stop()?;
                return Err(Failure::Interrupted { signal }.into());
            }
            self.reap()?;
            self.start()?;
            if self.waiting.is_empty() && self.running.is_empty() {
                break;
            }
            if pause.is_multiple_of(LOOK_EVERY) {
                self.show(&bar);
            }
            if pause.is_multiple_of(JUDGE_EVERY) {
                self.stop_hopeless()?;
            }
            std::thread::sleep(PAUSE);
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// Starts what there is a slot for. A point that another process still works on, such as one
    /// that a killed sweep left behind, waits for that process.
    fn start(&mut self) -> Result<()> {
        for _ in 0..self.waiting.len() {
            let Some(slot) = self.free.last().cloned() else { return Ok(()) };
            let Some(point) = self.waiting.pop_front() else { return Ok(()) };
            if folder::is_locked(&self.sweep.run_folder(&point)) {
                self.waiting.push_back(point);
                continue;
            }
            if let Some(run) = self.sweep.run(&point).filter(is_over) {
                self.note(&point, &run);
                continue;
            }
            let process = self.spawn(&point, &slot)?;
            self.free.pop();
            if let Some(watch) = &mut self.watch {
                watch.forget(&point);
            }
            self.running.push(Member { point, slot, process, stopped: false });
        }
        Ok(())
    }

    fn spawn(&self, point: &Point, slot: &Slot) -> Result<Child> {
        let logs = self.sweep.home().join("logs");
        std::fs::create_dir_all(&logs)?;
        let path = logs.join(format!("{}.txt", point.name));
        let log = regular::open_with(&path, File::options().create(true).append(true))
            .with_context(|| format!("opening {}", path.display()))?;
        let mut command = Command::new(&self.program);
        command.args(self.sweep.command(point)).current_dir(&self.sweep.folder);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        if let Some(gpu) = &slot.gpu {
            command.env(VISIBLE, gpu);
        }
        // SAFETY: between fork and exec the child makes one system call, which takes no lock and
        // allocates nothing, so that it can't wait for a thread that is not there any more.
        unsafe {
            command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::TERM))?));
        }
        command.spawn().with_context(|| format!("starting {}", self.program.display()))
    }

    /// Takes in the processes that have ended.
    fn reap(&mut self) -> Result<()> {
        let mut index = 0;
        while index < self.running.len() {
            match self.running[index].process.try_wait()? {
                None => index += 1,
                Some(status) => {
                    let member = self.running.swap_remove(index);
                    self.free.push(member.slot);
                    self.ended(member.point, status);
                }
            }
        }
        Ok(())
    }

    fn ended(&mut self, point: Point, status: ExitStatus) {
        if let Some(run) = self.sweep.run(&point).filter(|run| run.stopped.is_some()) {
            return self.note(&point, &run);
        }
        let tries = self.tries.entry(point.name.clone()).or_default();
        *tries += 1;
        let asked = status.code().is_some_and(is_interruption);
        if (status.signal().is_some() || asked) && *tries <= TRIES {
            self.waiting.push_back(point);
            return;
        }
        self.finished += 1;
        self.steps += point.steps.unwrap_or(0);
        match status.code() {
            // Any program may end well: a run says so in its summary.
            Some(0) if self.sweep.run(&point).is_some_and(|run| run.status.is_done()) => {}
            Some(0) => self.failed.push((point.name, "it ended well, but left no result".into())),
            Some(3) => self.failed.push((point.name, Status::NonFinite.name().into())),
            _ => self.failed.push((point.name.clone(), self.last_words(&point, status))),
        }
    }

    /// The last line that a process wrote, or how it ended.
    fn last_words(&self, point: &Point, status: ExitStatus) -> String {
        let path = self.sweep.home().join("logs").join(format!("{}.txt", point.name));
        let text = regular::read(&path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let last = text.lines().rev().find_map(|line| line.strip_prefix("error: "));
        last.map_or_else(|| status.to_string(), str::to_string)
    }

    /// Tells the points to end that the sweep's rule does not want to go on with.
    fn stop_hopeless(&mut self) -> Result<()> {
        let Some(watch) = &mut self.watch else { return Ok(()) };
        let going = self.running.iter().filter(|member| !member.stopped);
        let running: HashSet<&str> = going.map(|member| member.point.name.as_str()).collect();
        let waiting = self.waiting.iter().map(|point| point.name.as_str()).collect();
        for (point, reason) in watch.look(&running, &waiting) {
            // Written down first: whatever is killed from here on, the point stays stopped.
            reason.write(&self.sweep.run_folder(point))?;
            let mut members = self.running.iter_mut();
            if let Some(member) = members.find(|member| member.point.name == point.name) {
                member.stopped = true;
                member.ask_to_end();
            }
        }
        Ok(())
    }

    /// Asks every process to save and end, and waits for it.
    fn stop(&mut self) -> Result<()> {
        self.running.iter().for_each(Member::ask_to_end);
        for member in &mut self.running {
            member.process.wait()?;
        }
        Ok(())
    }

    fn bar(&self, quiet: bool) -> Result<ProgressBar> {
        let known: Option<u64> = self.sweep.points.iter().map(|point| point.steps).sum();
        let total = known.unwrap_or(self.sweep.points.len() as u64);
        let target =
            if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        let template = "{bar:30} {pos}/{len}  {msg}  {eta} left";
        bar.set_style(ProgressStyle::with_template(template)?);
        bar.set_position(self.position());
        bar.reset_eta();
        Ok(bar)
    }

    /// Steps done by all points, or where their plans aren't known, points done.
    fn position(&self) -> u64 {
        if self.sweep.points.iter().any(|point| point.steps.is_none()) {
            return self.finished as u64;
        }
        let begun = self.running.iter().filter_map(|member| self.sweep.run(&member.point)?.steps);
        self.steps + begun.sum::<u64>()
    }

    fn show(&self, bar: &ProgressBar) {
        if !bar.is_hidden() {
            bar.set_position(self.position());
            let (done, all) = (self.finished, self.sweep.points.len());
            bar.set_message(format!("{done} of {all} runs, {} running", self.running.len()));
        }
    }
}
