//! Where a result comes from: versions, kernel, pool, size of the machine.

use cci_core::Result;

use super::report::Machine;
use cci_engine::context::Context;
use cci_engine::incus_error::DuringStep;
use cci_engine::launch::PROFILE;

/// Asks Incus and the host.
pub(super) async fn look(cx: &Context) -> Result<Machine> {
    let (server, profile) = tokio::join!(cx.client.server(), cx.client.profile(PROFILE));
    let environment = server.during("look at the server")?.environment;
    let (profile, _) = profile.during("read the default profile")?;
    let of_profile = profile.root_disk().and_then(|root| root.pool.as_ref());
    let pool = cx.settings.incus.storage_pool.as_ref().or(of_profile).cloned().unwrap_or_default();
    let driver = cx.client.storage_pool(&pool).await.map(|(pool, _)| pool.driver).unwrap_or_default();
    Ok(Machine {
        cci: env!("CCI_VERSION").to_owned(),
        incus: environment.server_version,
        kernel: environment.kernel_version,
        pool,
        driver,
        cpus: std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        memory_mib: memory_mib().unwrap_or_default(),
        load: load().unwrap_or_default(),
        image: cx.settings.defaults.image.clone(),
        network: cx.settings.network.mode.word().to_owned(),
    })
}

fn memory_mib() -> Option<u64> {
    let info = std::fs::read_to_string("/proc/meminfo").ok()?;
    let total = info.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    total.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib / 1024)
}

fn load() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}
