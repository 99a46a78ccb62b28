//! The code of docs/guide/data.md: what stands between `// guide` and `// end` is what the guide shows.

use tenfold::both_databases;
use tenfold::data::{Filter, MigrationFile, Percent, Rounding};
use tenfold::prelude::*;
use tenfold::testing::TestApp;

use super::desk_app as desk;

pub const MIGRATIONS: &[MigrationFile] =
    &[MigrationFile { name: "0001_desk.sql", text: include_str!("desk.sql") }];

id!(MessageId);
id!(TagId);
id!(TaggingId);
id!(OfferId);

// guide
id! {
    /// A question that somebody has.
    TicketId
}

/// A question that somebody has, and what was said about it.
#[derive(Debug, Entity)]
#[entity(table = "desk_tickets", tenant = org_id, unique(number))]
pub struct Ticket {
    #[entity(key)]
    pub id: TicketId,
    pub org_id: OrgId,
    pub number: i64,
    pub title: String,
    pub status: Status,
    pub minutes: i64,
    #[entity(version)]
    pub version: i64,
    #[entity(has_many(by = ticket_id, order_by = sent_at))]
    pub messages: Many<Message>,
    #[entity(has_many(by = ticket_id, order_by = sent_at, descending, limit = 3))]
    pub latest: Many<Message>,
    #[entity(count(by = ticket_id))]
    pub replies: Count<Message>,
    #[entity(has_many(through = Tagging, by = ticket_id, to = tag_id, order_by = name))]
    pub tags: Many<Tag>,
}

#[derive(Clone, Copy, Debug, PartialEq, TextEnum)]
pub enum Status {
    Open,
    Closed,
}
// end

// guide
#[derive(Debug, Entity)]
#[entity(table = "desk_messages", tenant = org_id, search(body))]
pub struct Message {
    #[entity(key)]
    pub id: MessageId,
    pub org_id: OrgId,
    pub ticket_id: TicketId,
    pub body: String,
    pub sent_at: Timestamp,
    #[entity(belongs_to(by = ticket_id))]
    pub ticket: One<Ticket>,
}

#[derive(Debug, Entity)]
#[entity(table = "desk_tags", tenant = org_id, unique(name))]
pub struct Tag {
    #[entity(key)]
    pub id: TagId,
    pub org_id: OrgId,
    pub name: String,
    pub colour: String,
}

#[derive(Debug, Entity)]
#[entity(table = "desk_taggings", tenant = org_id, unique(ticket_id, tag_id))]
pub struct Tagging {
    #[entity(key)]
    pub id: TaggingId,
    pub org_id: OrgId,
    pub ticket_id: TicketId,
    pub tag_id: TagId,
}
// end

// guide
async fn open_tickets(cx: &Context, page: &Page) -> Result<Listing<String>, DataError> {
    let tickets = Ticket::query()
        .filter(Ticket::status.eq(Status::Open))
        .filter(Ticket::minutes.lt(60).or(Ticket::title.starts_with("Urgent")))
        .order_by(Ticket::number)
        .page(page)
        .all(cx)
        .await?;
    let titles = tickets.iter().map(|ticket| ticket.title.clone()).collect();
    Ok(tickets.listing(titles)) // with the cursor of the next page
}
// end

// guide
async fn titled(cx: &Context, typed: &str, page: &Page) -> Result<Listing<i64>, DataError> {
    let tickets = Ticket::query()
        .filter(Ticket::title.starts_with_ignore_ascii_case(typed))
        .order_by_ignore_ascii_case(Ticket::title)
        .page(page)
        .all(cx)
        .await?;
    let numbers = tickets.iter().map(|ticket| ticket.number).collect();
    Ok(tickets.listing(numbers))
}
// end

// guide
async fn overview(cx: &Context) -> Result<Vec<String>, DataError> {
    let mut lines = Vec::new();
    for ticket in &Ticket::query().order_by(Ticket::number).limit(1000).all(cx).await? {
        lines.push(describe(cx, ticket).await?);
    }
    Ok(lines)
}

async fn describe(cx: &Context, ticket: &Ticket) -> Result<String, DataError> {
    let tags: Vec<_> = ticket.tags.get(cx).await?.iter().map(|tag| tag.name.as_str()).collect();
    let latest = ticket.latest.get(cx).await?.first().map_or("", |message| &message.body);
    Ok(format!("{} [{}] {} replies: {latest}", ticket.title, tags.join(" "), ticket.replies.get(cx).await?))
}
// end

// guide
async fn of_the_chosen(cx: &Context, numbers: Vec<i64>) -> Result<usize, DataError> {
    let tickets = Ticket::query().filter(Ticket::number.any_of(numbers)).all(cx).await?;
    let urgent = tickets.filter(|ticket| ticket.title.starts_with("Urgent")).take(10);
    let mut messages = 0;
    for ticket in &urgent {
        messages += ticket.messages.get(cx).await?.len(); // loaded for those ten, not for all that were listed
    }
    Ok(messages)
}
// end

// guide
async fn tagged(cx: &Context, tag: &str, page: &Page) -> Result<Vec<i64>, DataError> {
    let tickets = Ticket::query()
        .filter(Ticket::status.eq(Status::Open))
        .filter(Ticket::tags.any(Tag::name.eq(tag.to_owned())))
        .filter(Ticket::messages.none(Message::body.starts_with("reply 4")))
        .page(page)
        .all(cx)
        .await?;
    Ok(tickets.iter().map(|ticket| ticket.number).collect())
}
// end

// guide
#[derive(Debug, Entity)]
#[entity(table = "desk_offers", tenant = org_id)]
pub struct Offer {
    #[entity(key)]
    pub id: OfferId,
    pub org_id: OrgId,
    pub ticket_id: TicketId,
    #[entity(money)]
    pub price: Money,
    #[entity(money)]
    pub discount: Option<Money>,
}
// end

// guide
async fn offer(cx: &Context, ticket_id: TicketId, price: Money) -> Result<Offer, Problem> {
    let tax = price.percent(Percent::new(19), Rounding::HalfAwayFromZero)?;
    let (id, org_id) = (OfferId(cx.new_id()), cx.tenant());
    let offer = OfferRow { id, org_id, ticket_id, price: price.plus(tax)?, discount: None };
    Ok(cx.transaction(async |tx| offer.insert(tx).await).await?)
}

async fn offered(cx: &Context, ticket_id: TicketId) -> Result<(Vec<Money>, i64), DataError> {
    let offers = || Offer::query().filter(Offer::ticket_id.eq(ticket_id));
    let cheap = offers().filter(Offer::price.lt(Money::new(50_00, Currency::EUR))); // in EUR, and less
    Ok((offers().sum_money(cx, Offer::price).await?, cheap.count(cx).await?))
}
// end

// guide
async fn search(cx: &Context, typed: &str, page: &Page) -> Result<Listing<String>, DataError> {
    let messages = Message::query().search(typed).newest_first().page(page).all(cx).await?;
    Ok(messages.listing(messages.iter().map(|message| message.body.clone()).collect()))
}

async fn searched_tickets(cx: &Context, typed: &str) -> Result<i64, DataError> {
    Ticket::query().filter(Ticket::messages.any(Filter::search(typed))).count(cx).await
}
// end

// guide
async fn side_by_side(cx: &Context, one: TicketId, other: TicketId) -> Result<(i64, i64), DataError> {
    let (one, other) = (Ticket::get(cx, one), Ticket::get(cx, other)); // one statement for both
    Ok((one.await?.number, other.await?.number))
}
// end

// guide
async fn follow(cx: &Context, mut id: TicketId) -> Result<i64, DataError> {
    let each = cx.repeating("a ticket says where it went"); // one statement a step, and meant
    loop {
        let ticket = Ticket::get(&each, id).await?;
        match ticket.title.strip_prefix("Moved to ").and_then(|next| next.parse().ok()) {
            Some(next) => id = next,
            None => return Ok(ticket.number),
        }
    }
}
// end

// guide
async fn open_ticket(cx: &Context, number: i64, title: String) -> Result<Ticket, Problem> {
    cx.transaction(async |tx| {
        let ticket = TicketRow {
            id: TicketId(tx.new_id()),
            org_id: tx.tenant(),
            number,
            title,
            status: Status::Open,
            minutes: 0,
            version: 1,
        };
        let taken = || Problem::conflict("there is a ticket with this number already");
        let ticket = ticket.insert(tx).await.on_conflict(Ticket::unique_number, taken)?;
        say(tx, ticket.id, "We are looking into it.").await?;
        Ok(ticket)
    })
    .await
}

async fn say(tx: &Tx<'_>, ticket_id: TicketId, body: &str) -> Result<(), DataError> {
    let (id, org_id, body) = (MessageId(tx.new_id()), tx.tenant(), body.to_owned());
    MessageRow { id, org_id, ticket_id, body, sent_at: tx.now() }.insert(tx).await?;
    Ok(())
}
// end

// guide
async fn tidy_up(cx: &Context, id: TicketId) -> Result<u64, DataError> {
    cx.transaction(async |tx| {
        Ticket::update(id).set(Ticket::status, Status::Closed).add(Ticket::minutes, 15).run(tx).await?;
        let old =
            Message::query().filter(Message::sent_at.lt(tx.now() - std::time::Duration::from_secs(3600)));
        old.delete(tx).await
    })
    .await
}

async fn colour(cx: &Context, name: &str, colour: &str) -> Result<TagId, DataError> {
    cx.transaction(async |tx| {
        let (id, org_id) = (TagId(tx.new_id()), tx.tenant());
        let tag = TagRow { id, org_id, name: name.to_owned(), colour: colour.to_owned() };
        Ok(tag.upsert(Tag::unique_name).run(tx).await?.id) // of the tag that is there, if there is one
    })
    .await
}
// end

// guide
async fn rename(cx: &Context, id: TicketId, seen: i64, title: String) -> Result<(), Problem> {
    let change = Ticket::update(id).expect_version(seen).set(Ticket::title, title);
    cx.transaction(async |tx| change.run(tx).await).await?; // 409 `stale` if somebody was quicker
    Ok(())
}
// end

// guide
async fn retitle(
    cx: Context,
    Path(id): Path<TicketId>,
    seen: IfMatch,
    Json(title): Json<String>,
) -> Result<Tagged<Json<String>>, Problem> {
    let change = Ticket::update(id).set(Ticket::title, title);
    cx.transaction(async |tx| -> Result<(), Problem> {
        let ticket = Ticket::get(tx, id).await?;
        seen.change(tx, &*ticket, change).await // 412 if it is in another state than the client has seen
    })
    .await?;
    let ticket = Ticket::get(&cx, id).await?;
    Ok(Tagged::by(&*ticket, Json(ticket.title.clone())))
}
// end

pub fn routes() -> Routes {
    Routes::new().route("/desk/tickets/{id}", axum::routing::patch(retitle))
}

// guide
async fn figures(cx: &Context) -> Result<(i64, i64, Option<i64>), DataError> {
    let open = || Ticket::query().filter(Ticket::status.eq(Status::Open));
    if !open().exists(cx).await? {
        return Ok((0, 0, None));
    }
    Ok((
        open().count(cx).await?,
        open().sum(cx, Ticket::minutes).await?,
        open().max(cx, Ticket::number).await?,
    ))
}
// end

// guide
async fn busiest(cx: &Context, least: i64) -> Result<Vec<(TicketId, i64)>, DataError> {
    sql!(
        "desk_messages.busiest",
        "SELECT ticket_id, count(*) FROM desk_messages WHERE org_id = $1
         GROUP BY ticket_id HAVING count(*) >= $2 ORDER BY count(*) DESC, ticket_id LIMIT 10"
    )
    .bind(least)
    .all(cx)
    .await
}
// end

// guide
async fn of_everybody(system: &SystemContext, organizations: Vec<OrgId>) -> Result<i64, DataError> {
    let mut tickets = 0;
    for organization in organizations {
        let cx = system.within(organization); // from here on this organization's rows, and no others
        tickets += Ticket::query().count(&cx).await?;
    }
    Ok(tickets)
}
// end

/// Six tickets with as many messages as their number says; the even ones are urgent.
async fn fill(app: &TestApp, organization: OrgId) -> Vec<TicketId> {
    app.run(async |system| {
        let cx = system.within(organization);
        let (mut ids, mut taggings) = (Vec::new(), Vec::new());
        let (slow, old) =
            (colour(&cx, "slow", "grey").await.unwrap(), colour(&cx, "old", "brown").await.unwrap());
        for number in 1..=6 {
            let title = format!("{}ticket {number}", if number % 2 == 0 { "Urgent " } else { "" });
            let ticket = open_ticket(&cx, number, title).await.unwrap();
            for reply in 1..number {
                cx.transaction(async |tx| say(tx, ticket.id, &format!("reply {reply}")).await).await.unwrap();
            }
            for tag_id in [slow, old].into_iter().take(usize::try_from(number % 3).unwrap()) {
                let id = TaggingId(cx.new_id());
                taggings.push(TaggingRow { id, org_id: organization, ticket_id: ticket.id, tag_id });
            }
            ids.push(ticket.id);
        }
        cx.transaction(async |tx| Tagging::insert_many(tx, taggings).await).await.unwrap();
        app.forget();
        ids
    })
    .await
}

fn organization(app: &TestApp) -> OrgId {
    OrgId(app.clock().new_id())
}

both_databases!(desk(); async fn a_list_is_filtered_ordered_and_paged(app) {
    let organization = organization(app);
    fill(app, organization).await;
    app.run(async |system| {
        let cx = system.within(organization);
        let first = open_tickets(&cx, &Page::first(4)).await.unwrap();
        assert_eq!(first.items.len(), 4);
        let rest = open_tickets(&cx, &Page { limit: 4, cursor: first.next_cursor }).await.unwrap();
        assert_eq!((rest.items, rest.next_cursor), (vec!["ticket 5".to_owned(), "Urgent ticket 6".to_owned()], None));
        let urgent = titled(&cx, "uRGENT ticket", &Page::first(2)).await.unwrap();
        assert_eq!(urgent.items, [2, 4]);
        let rest = titled(&cx, "uRGENT ticket", &Page { limit: 2, cursor: urgent.next_cursor }).await.unwrap();
        assert_eq!((rest.items, rest.next_cursor), (vec![6], None));
        let first = search(&cx, "REPLY 4", &Page::first(1)).await.unwrap();
        let second = search(&cx, "REPLY 4", &Page { limit: 1, cursor: first.next_cursor }).await.unwrap();
        assert_eq!([first.items, second.items].concat(), ["reply 4", "reply 4"]);
        assert_eq!(second.next_cursor, None);
        assert_eq!(searched_tickets(&cx, "\"looking into\" -reply").await.unwrap(), 6);
        assert_eq!(searched_tickets(&cx, "reply 5").await.unwrap(), 1);
        // Tickets 1, 2, 4 and 5 are slow, and the fifth has the fourth reply.
        assert_eq!(tagged(&cx, "slow", &Page::first(10)).await.unwrap(), [1, 2, 4]);
    })
    .await;
});

both_databases!(desk(); async fn money_is_offered_and_summed(app) {
    let organization = organization(app);
    let ids = fill(app, organization).await;
    app.run(async |system| {
        let cx = system.within(organization);
        let [euros, yen] = [Currency::EUR, Currency::JPY].map(|currency| Money::new(1999, currency));
        assert_eq!(offer(&cx, ids[0], euros).await.unwrap().price, Money::new(2379, Currency::EUR));
        for price in [euros, yen] {
            offer(&cx, ids[0], price).await.unwrap();
        }
        let (sums, cheap) = offered(&cx, ids[0]).await.unwrap();
        assert_eq!(sums, [Money::new(4758, Currency::EUR), Money::new(2379, Currency::JPY)]);
        assert_eq!(cheap, 2);
    })
    .await;
});

both_databases!(desk(); async fn a_plain_loop_costs_a_statement_for_each_relation(app) {
    let organization = organization(app);
    fill(app, organization).await;
    let lines = app.run(async |system| overview(&system.within(organization)).await.unwrap()).await;
    assert_eq!(lines[4], "ticket 5 [old slow] 5 replies: reply 4");
    assert_eq!(lines[5], "Urgent ticket 6 [] 6 replies: reply 5");
    assert_eq!(app.statements().len(), 4);
});

both_databases!(desk(); async fn a_part_of_a_list_loads_for_itself(app) {
    let organization = organization(app);
    let ids = fill(app, organization).await;
    app.run(async |system| {
        let cx = system.within(organization);
        assert_eq!(of_the_chosen(&cx, vec![1, 2, 4, 9]).await.unwrap(), 6);
        assert_eq!(app.statements().iter().map(|record| record.rows).collect::<Vec<_>>(), [3, 6]);
        app.forget();
        assert_eq!(side_by_side(&cx, ids[3], ids[0]).await.unwrap(), (4, 1));
        assert_eq!(app.statements().len(), 1);
    })
    .await;
});

both_databases!(desk(); async fn a_chain_costs_a_statement_a_step_and_says_so(app) {
    let organization = organization(app);
    let ids = fill(app, organization).await;
    app.run(async |system| {
        let cx = system.within(organization);
        for step in ids.windows(2) {
            let moved = Ticket::update(step[0]).set(Ticket::title, format!("Moved to {}", step[1]));
            cx.transaction(async |tx| moved.run(tx).await).await.unwrap();
        }
        app.forget();
        assert_eq!(follow(&cx, ids[0]).await.unwrap(), 6);
        assert_eq!(app.statements().len(), 6);
    })
    .await;
});

both_databases!(desk(); async fn writes_change_what_they_say(app) {
    let organization = organization(app);
    let ids = fill(app, organization).await;
    app.clock().advance(std::time::Duration::from_secs(7200));
    app.run(async |system| {
        let cx = system.within(organization);
        let taken = open_ticket(&cx, 3, "Again".to_owned()).await.unwrap_err();
        assert_eq!(taken.status(), 409);
        assert!(format!("{taken:?}").contains("there is a ticket with this number already"));
        assert_eq!(tidy_up(&cx, ids[0]).await.unwrap(), 21, "all messages are older than an hour");
        let ticket = Ticket::get(&cx, ids[0]).await.unwrap();
        assert_eq!((ticket.status, ticket.minutes, ticket.version), (Status::Closed, 15, 2));
        assert_eq!(colour(&cx, "old", "red").await.unwrap(), colour(&cx, "old", "blue").await.unwrap());
        rename(&cx, ids[0], 2, "Renamed".to_owned()).await.unwrap();
        let stale = rename(&cx, ids[0], 2, "Too late".to_owned()).await.unwrap_err();
        assert!(format!("{stale:?}").contains("urn:tenfold:problem:stale"), "{stale:?}");
    })
    .await;
});

both_databases!(desk(); async fn several_writers_over_http(app) {
    let token = crate::new_owner(app).await;
    let ids = fill(app, crate::organization(&token)).await;
    let retitle = async |seen: &str| {
        let path = format!("/desk/tickets/{}", ids[0]);
        app.patch(&path).bearer(&token).json(&"New").header("if-match", seen).send().await
    };
    let changed = retitle("\"1\"").await;
    assert_eq!((changed.status(), changed.header("etag")), (200, "\"2\""));
    assert_eq!(retitle("\"1\"").await.status(), 412);
});

both_databases!(desk(); async fn figures_and_sql_of_ones_own(app) {
    let organization = organization(app);
    let ids = fill(app, organization).await;
    app.run(async |system| {
        let cx = system.within(organization);
        assert_eq!(figures(&cx).await.unwrap(), (6, 0, Some(6)));
        assert_eq!(busiest(&cx, 5).await.unwrap(), [(ids[5], 6), (ids[4], 5)]);
        assert_eq!(of_everybody(&system, vec![organization, OrgId(system.new_id())]).await.unwrap(), 6);
        let message = Message::query().first(&cx).await.unwrap().unwrap();
        assert_eq!(message.ticket.get(&cx).await.unwrap().number, 1);
    })
    .await;
});

both_databases!(desk(); async fn errors_become_the_answers_that_the_guide_names(app) {
    let organization = organization(app);
    let ids = fill(app, organization).await;
    app.run(async |system| {
        let cx = system.within(organization);
        let tag = |name: &str| TagRow { id: TagId(cx.new_id()), org_id: organization, name: name.to_owned(), colour: String::new() };
        let taken = cx.transaction(async |tx| tag("old").insert(tx).await).await.map(drop);
        let orphan = cx.transaction(async |tx| say(tx, TicketId(cx.new_id()), "To nobody").await).await;
        let untitled = Ticket::update(ids[0]).set(Ticket::title, String::new());
        let untitled = cx.transaction(async |tx| untitled.run(tx).await).await;
        let enough = Ticket::update(ids[0]).set(Ticket::minutes, i64::MAX);
        cx.transaction(async |tx| enough.run(tx).await).await.unwrap();
        let more = Ticket::update(ids[0]).add(Ticket::minutes, 1);
        let too_large = cx.transaction(async |tx| more.run(tx).await).await;
        let missing = Ticket::get(&cx, TicketId(cx.new_id())).await.map(drop);
        let answers = [taken, orphan, untitled, too_large, missing].map(|failed| {
            let problem = Problem::from(failed.unwrap_err());
            (problem.status().as_u16(), serde_json::to_value(&problem).unwrap()["detail"].as_str().unwrap_or("").to_owned())
        });
        assert_eq!(answers.each_ref().map(|(status, _)| *status), [409, 409, 500, 422, 404], "{answers:?}");
        assert_eq!(answers[0].1, "another tag has the same name");
        assert!(!answers[2].1.contains("desk"), "what the database is called stays here: {}", answers[2].1);
    })
    .await;
});
