//! `sealed get ADDRESS PORT keep (METHOD TARGET SIZE)...`: asks over TLS of rustls once told to.

use std::io::Write;
use ureq::tls::TlsConfig;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(2).collect();
    let tls = TlsConfig::builder().disable_verification(true).build();
    let agent = ureq::Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .build()
        .new_agent();
    println!("ready");
    std::io::stdout().flush()?;
    std::io::stdin().read_line(&mut String::new())?;
    for wish in words[3..].chunks(3) {
        let url = format!("https://{}:{}{}", words[0], words[1], wish[1]);
        agent.get(&url).call()?.body_mut().read_to_vec()?;
    }
    Ok(())
}
