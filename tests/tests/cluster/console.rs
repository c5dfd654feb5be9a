//! The web console in a real browser, on a real cluster.

use std::time::Duration;

use anyhow::{Context as _, Result};
use common::types::ReplicaStatus;
use serde_json::json;
use tests::api::Api;
use tests::browser::Browser;
use tests::cluster::{Cluster, Options};
use tests::wait;

use crate::support::{ended, pick, share};

const TABLE: &str = "cities";
const TOKEN: &str = "a token of sixteen bytes";
const WITHIN: Duration = Duration::from_secs(30);
/// A partition without primary is an alarm after half a minute.
const ALARM_WITHIN: Duration = Duration::from_secs(90);

async fn shows(page: &mut Browser, parts: &[&str]) -> Result<()> {
    let mut missing = String::new();
    let looked = wait::until("the page to show it", WITHIN, async || {
        let text = page.text().await?.to_lowercase();
        let part = parts.iter().find(|part| !text.contains(&part.to_lowercase()));
        missing = text.clone();
        wait::holds(part.is_none(), || format!("no '{}' in {text}", part.unwrap_or(&"")))
    });
    looked.await.with_context(|| missing.clone())
}

async fn maintained(api: &Api, on: bool) -> Result<()> {
    wait::until("maintenance mode", WITHIN, async || {
        let (_, state) = api.get("/admin/maintenance")?;
        wait::holds(state["maintenance"] == json!(on), || state.to_string())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console_shows_the_cluster_asks_before_it_acts_and_asks_nobody_else() -> Result<()> {
    let _share = share().await;
    let mut cluster = Cluster::start_with(Options { nodes: 3, ..Options::default() }).await?;
    cluster.create(TABLE, 2, 2).await?;
    let place = pick(&cluster, ReplicaStatus::Secondary).await?;
    let job = cluster.node(place.node)?.disk_migrate(place.request()).await?;
    ended(&cluster, place.node, job.id).await?;
    let api = Api::new(&cluster.meta_http)?;
    let mut page = Browser::start(cluster.dir()).await?;
    page.open(&format!("http://{}/", cluster.meta_http)).await?;

    let nodes: Vec<String> = cluster.nodes.iter().map(|node| node.address.clone()).collect();
    let mut parts: Vec<&str> = nodes.iter().map(String::as_str).collect();
    parts.extend([TABLE, "disk1", "disk2", "3 of 3", "2 of 2", "disk1 → disk2", "completed", "free of", "secondar"]);
    if place.disk == "disk2" {
        parts.retain(|part| *part != "disk1 → disk2");
        parts.push("disk2 → disk1");
    }
    shows(&mut page, &parts).await?;

    // A question that is not answered with yes changes nothing.
    page.press("#maintenance").await?;
    shows(&mut page, &["Begin maintenance?"]).await?;
    page.press("#ask-no").await?;
    assert_eq!(page.eval("document.querySelector('#ask').open").await?, json!(false));
    maintained(&api, false).await?;
    page.press("#maintenance").await?;
    page.press("#ask-yes").await?;
    maintained(&api, true).await?;
    shows(&mut page, &["Maintenance mode since"]).await?;

    migrate(&mut page, &cluster).await?;
    lost_and_token(&mut page, &mut cluster, &api).await?;
    let own = format!("http://{}/", cluster.meta_http);
    let outside: Vec<_> = page.requests().iter().filter(|url| !url.starts_with(&own)).collect();
    assert!(page.requests().len() > 10 && outside.is_empty(), "{outside:?}");
    assert!(page.problems().is_empty(), "{:?}", page.problems());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_stands_in_the_page_for_as_long_as_its_cause_lasts() -> Result<()> {
    let _share = share().await;
    let mut cluster = Cluster::start_with(Options { nodes: 2, ..Options::default() }).await?;
    cluster.create(TABLE, 1, 1).await?;
    let place = pick(&cluster, ReplicaStatus::Primary).await?;
    let mut page = Browser::start(cluster.dir()).await?;
    page.open(&format!("http://{}/", cluster.meta_http)).await?;
    shows(&mut page, &["2 of 2", "1 of 1"]).await?;
    assert_eq!(alarms(&mut page).await?, "", "there is none, and no heading for it");

    cluster.node_mut(place.node)?.process.kill()?;
    let (gpid, address) = (place.gpid.to_string(), cluster.node(place.node)?.address.clone());
    let told = [gpid.as_str(), "no primary", &address, "does not heartbeat", "admin-cli recover"];
    wait::until("the alarm", ALARM_WITHIN, async || {
        let text = alarms(&mut page).await?;
        wait::holds(told.iter().all(|part| text.contains(part)), || text)
    })
    .await?;

    cluster.node_mut(place.node)?.process.start()?;
    cluster.healthy(TABLE).await?;
    wait::until("the end of the alarm", WITHIN, async || {
        let text = alarms(&mut page).await?;
        wait::holds(text.is_empty(), || text)
    })
    .await?;
    assert!(page.problems().is_empty(), "{:?}", page.problems());
    Ok(())
}

/// What the page shows of alarms.
async fn alarms(page: &mut Browser) -> Result<String> {
    // Of what is hidden a reader sees nothing; `innerText` of a hidden element itself would tell of it all the same.
    let shown = "(section => section.checkVisibility() ? section.innerText : '')(document.querySelector('#alarms'))";
    Ok(page.eval(shown).await?.as_str().unwrap_or_default().to_owned())
}

/// Moves a region with the dialog, which finds the nodes by itself.
async fn migrate(page: &mut Browser, cluster: &Cluster) -> Result<()> {
    let config = cluster.route(TABLE).await?.configs.into_iter().next().context("no partition")?;
    page.press("#tables button").await?;
    wait::until("the nodes to choose from", WITHIN, async || {
        let chosen = page.eval("document.querySelector('#ask select[name=to]').value").await?;
        wait::holds(chosen.as_str().is_some_and(|peer| !peer.is_empty()), || chosen.to_string())
    })
    .await?;
    let to = page.eval("document.querySelector('#ask select[name=to]').value").await?;
    let to: u64 = to.as_str().context("no node")?.parse()?;
    assert!(config.copies().all(|copy| copy.peer.0 != to), "a node that does not hold it is proposed");
    page.press("#ask-yes").await?;
    wait::until("the region on its new node", WITHIN, async || {
        let config = cluster.config(TABLE, config.gpid).await?;
        let there = config.members().any(|member| member.peer.0 == to) && config.learners.is_empty();
        wait::holds(there && config.member_count() == 2, || format!("{config:?}"))
    })
    .await?;
    shows(page, &["region", &format!("→ {}", cluster.node(usize::try_from(to)?)?.address)]).await
}

/// Without the server the page says so; with one that wants a token it asks for it.
async fn lost_and_token(page: &mut Browser, cluster: &mut Cluster, api: &Api) -> Result<()> {
    cluster.meta.kill()?;
    shows(page, &["The server cannot be reached"]).await?;
    cluster.meta.start_with(&[], &[("GODWIT_ADMIN_TOKEN", TOKEN)])?;
    shows(page, &["live, every 2 s"]).await?;
    page.press("#maintenance").await?;
    page.press("#ask-yes").await?;
    shows(page, &["Admin token", "changes need the admin token"]).await?;
    page.eval(&format!("document.querySelector('#ask-token input').value = {}", json!(TOKEN))).await?;
    page.press("#ask-yes").await?;
    maintained(api, false).await?;
    let kept = "Object.keys(localStorage).length + document.cookie.length";
    assert_eq!(page.eval(kept).await?, json!(0), "the token is kept for the tab alone");
    Ok(())
}
