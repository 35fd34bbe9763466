//! The binary; everything it does is in [`cloakroom::cli`].

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cloakroom::cli::run(cloakroom::config::SettingsList::default())
}
