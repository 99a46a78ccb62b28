//! Keys that are not uuids: text and integers can identify rows and relate them as well.

use futures_util::future::join_all;
use tenfold_data::{
    Context, Count, DataError, Entity, EntityExt, Many, MigrationFile, ModuleMigrations, One,
};

use crate::bench::Bench;
use crate::ledger::names;

on_both_databases!(
    text_keys_identify_and_relate_rows,
    integer_keys_identify_and_relate_rows,
    a_count_works_for_every_type_of_key,
);

#[derive(Debug, Entity)]
#[entity(table = "keys_topics", global = "keys of every type")]
struct Topic {
    #[entity(key)]
    slug: String,
    #[entity(has_many(by = topic))]
    posts: Many<Post>,
    #[entity(count(by = topic))]
    post_count: Count<Post>,
}

#[derive(Debug, Entity)]
#[entity(table = "keys_posts", global = "keys of every type")]
struct Post {
    #[entity(key)]
    number: i64,
    topic: Option<String>,
    answers: Option<i64>,
    #[entity(belongs_to(by = topic))]
    about: One<Topic>,
    #[entity(belongs_to(by = answers))]
    question: One<Post>,
    #[entity(count(by = answers))]
    answer_count: Count<Post>,
}

const MIGRATIONS: ModuleMigrations = ModuleMigrations {
    module: "keys",
    files: &[MigrationFile {
        name: "0001_keys.sql",
        text: "CREATE TABLE keys_topics (slug text PRIMARY KEY);
               CREATE TABLE keys_posts (number bigint PRIMARY KEY, topic text, answers bigint);",
    }],
};

/// Three topics. Posts 1 to 9 cycle through them, and each answers the one before. Post 10 has no topic.
async fn write_posts(cx: &Context) {
    let topic =
        |slug: &str| Topic { slug: slug.to_owned(), posts: Many::default(), post_count: Count::default() };
    let topics = ["ä-topic", "Zebra", "apple"];
    let post = |number: i64, topic: Option<&str>| Post {
        number,
        topic: topic.map(str::to_owned),
        answers: (1..=9).contains(&(number - 1)).then_some(number - 1),
        about: One::default(),
        question: One::default(),
        answer_count: Count::default(),
    };
    let mut posts: Vec<_> = (1..=9).map(|number| post(number, Some(topics[number as usize % 3]))).collect();
    posts.push(post(10, None));
    let stored = cx.transaction(async |tx| {
        Topic::insert_many(tx, topics.map(topic).into()).await?;
        Post::insert_many(tx, posts).await?;
        Ok::<_, DataError>(())
    });
    stored.await.unwrap();
}

async fn text_keys_identify_and_relate_rows(bench: Bench) {
    bench.database.migrate(&[MIGRATIONS]).await.unwrap();
    bench
        .request(async |cx| {
            write_posts(&cx).await;
            bench.statements();
            let topics = Topic::query().all(&cx).await.unwrap();
            assert!(topics.iter().map(|topic| &*topic.slug).eq(["Zebra", "apple", "ä-topic"]));
            for topic in &topics {
                let posts = topic.posts.get(&cx).await.unwrap();
                assert_eq!(posts.len(), 3);
                assert!(posts.iter().all(|post| post.topic.as_ref() == Some(&topic.slug)));
                assert_eq!(posts[0].about.get(&cx).await.unwrap().slug, topic.slug);
            }
            let found = Topic::get(&cx, "ä-topic".to_owned()).await.unwrap();
            assert_eq!(found.slug, "ä-topic");
            let about = Post::get(&cx, 10)
                .await
                .unwrap()
                .about
                .find(&cx)
                .await
                .unwrap()
                .map(|topic| topic.slug.clone());
            assert_eq!(about, None);
        })
        .await;
    assert_eq!(
        names(&bench.statements()),
        [
            "keys_posts.get",
            "keys_posts.posts_of_keys_topics",
            "keys_topics.about_of_keys_posts",
            "keys_topics.get",
            "keys_topics.list"
        ]
    );
}

async fn integer_keys_identify_and_relate_rows(bench: Bench) {
    bench.database.migrate(&[MIGRATIONS]).await.unwrap();
    bench
        .request(async |cx| {
            write_posts(&cx).await;
            bench.statements();
            let posts = join_all((1..=10).rev().map(|number| Post::get(&cx, number))).await;
            for post in posts.into_iter().map(Result::unwrap) {
                let question = post.question.find(&cx).await.unwrap().map(|question| question.number);
                assert_eq!(question, post.answers);
            }
        })
        .await;
    assert_eq!(names(&bench.statements()), ["keys_posts.get", "keys_posts.question_of_keys_posts"]);
}

async fn a_count_works_for_every_type_of_key(bench: Bench) {
    bench.database.migrate(&[MIGRATIONS]).await.unwrap();
    bench
        .request(async |cx| {
            write_posts(&cx).await;
            bench.statements();
            for topic in &Topic::query().all(&cx).await.unwrap() {
                assert_eq!(topic.post_count.get(&cx).await.unwrap(), 3);
            }
            for post in &Post::query().all(&cx).await.unwrap() {
                assert_eq!(post.answer_count.get(&cx).await.unwrap(), i64::from(post.number < 10));
            }
        })
        .await;
    assert_eq!(bench.statements().len(), 4);
}
