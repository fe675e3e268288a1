-- A network's file as version 1 of its program wrote it.
BEGIN TRANSACTION;
CREATE TABLE account (
        handle TEXT PRIMARY KEY COLLATE NOCASE, followers INTEGER NOT NULL, created_at TEXT NOT NULL);
INSERT INTO "account" VALUES('nova',1755,'2026-11-22T21:13:50.107+00:00');
INSERT INTO "account" VALUES('fan_ada',1643,'2026-11-22T21:13:50.107+00:00');
CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE liked (
        account TEXT NOT NULL COLLATE NOCASE, post_id INTEGER NOT NULL REFERENCES post,
        PRIMARY KEY (account, post_id)) WITHOUT ROWID;
CREATE TABLE mention (
        account TEXT NOT NULL COLLATE NOCASE, post_id INTEGER NOT NULL REFERENCES post,
        PRIMARY KEY (account, post_id)) WITHOUT ROWID;
INSERT INTO "mention" VALUES('nova',2);
CREATE TABLE post (
        id INTEGER PRIMARY KEY, author TEXT NOT NULL COLLATE NOCASE REFERENCES account, text TEXT NOT NULL,
        in_reply_to INTEGER REFERENCES post, ai_label INTEGER NOT NULL, views INTEGER NOT NULL,
        likes INTEGER NOT NULL, created_at TEXT NOT NULL);
INSERT INTO "post" VALUES(1,'nova','Hello',NULL,1,823,24,'2026-11-22T21:13:50.107+00:00');
INSERT INTO "post" VALUES(2,'fan_ada','@nova Is there a longer version of this?',1,0,0,0,'2026-11-22T21:13:50.107+00:00');
CREATE TABLE promotion (
        id INTEGER PRIMARY KEY, account TEXT NOT NULL COLLATE NOCASE,
        post_id INTEGER NOT NULL REFERENCES post, amount TEXT NOT NULL, currency TEXT NOT NULL,
        created_at TEXT NOT NULL);
CREATE TABLE receipt (
        id INTEGER PRIMARY KEY, account TEXT NOT NULL COLLATE NOCASE, idempotency_key TEXT NOT NULL,
        fingerprint TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (account, idempotency_key));
INSERT INTO "receipt" VALUES(1,'nova','k1','06cee837815ce6f68bb4ba4dbb6314b23a614c8e8821eb1150517f1e888d62a0','{"found":true,"kind":"tweet","idempotency_key":"k1","ids":["1"],"url":"social://local/nova/1","created_at":"2026-11-22T21:13:50.107+00:00","content_hash":"185f8db32271fe25f561a6fc938b2e264306ec304eda518007d1764826381969","ai_label":true,"replayed":false,"promotion_id":null,"amount":null,"currency":null,"payment_reference":null}');
CREATE INDEX post_author ON post (author, id);
CREATE INDEX post_in_reply_to ON post (in_reply_to) WHERE in_reply_to IS NOT NULL;
PRAGMA user_version = 1;
COMMIT;
