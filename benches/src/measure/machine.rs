//! The machine: processor time, and which core works for whom.
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

/// Processor time of this process so far, in seconds: all its threads, those that ended too.
pub fn processor_time() -> f64 {
    std::time::Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).expect("it is not negative").as_secs_f64()
}

/// Processor time of this thread so far, in seconds.
pub fn thread_processor_time() -> f64 {
    std::time::Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).expect("it is not negative").as_secs_f64()
}

/// Processor time of another process so far, in seconds, to a hundredth (proc_pid_stat(5), fields 14 and 15).
pub fn processor_time_of(process: u32) -> f64 {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("the process is there");
    // The name in brackets may hold blanks.
    let (_, fields) = stat.rsplit_once(')').expect("a name in brackets");
    let ticks = fields.split_ascii_whitespace().skip(11).take(2).map(|field| field.parse::<f64>().expect("ticks"));
    ticks.sum::<f64>() / TICKS_PER_SECOND
}

/// The cores that this process may use, divided between what is measured and who asks it.
pub struct Cores {
    all: Vec<usize>,
}

impl Cores {
    /// The cores that this process may use.
    pub fn find() -> Self {
        let allowed = sched_getaffinity(None).expect("the kernel tells");
        Self { all: (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect() }
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// What is measured gets the last core.
    pub fn pin_to_servers(&self) {
        pin(&self.all[self.all.len() - 1..]);
    }

    /// Everything gets all of them.
    pub fn pin_to_all(&self) {
        pin(&self.all);
    }

    /// Who asks gets the others, if there are any.
    pub fn pin_to_clients(&self) {
        let others = &self.all[..self.all.len() - 1];
        pin(if others.is_empty() { &self.all } else { others });
    }
}

/// Binds this thread and those that it will start.
fn pin(cores: &[usize]) {
    let mut set = CpuSet::new();
    for core in cores {
        set.set(*core);
    }
    sched_setaffinity(None, &set).expect("these cores were allowed");
}

/// Memory in GiB, rounded (proc_meminfo(5)).
pub fn memory_gib() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").expect("the kernel tells");
    let kib = text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse().ok());
    (kib.unwrap_or(0_u64) + (1 << 19)) >> 20
}

/// The most memory that this process had so far, in MiB (proc_pid_status(5): VmHWM).
pub fn peak_memory_mib() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("the kernel tells");
    let kib = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
    kib.unwrap_or(0.0_f64) / 1_024.0
}
