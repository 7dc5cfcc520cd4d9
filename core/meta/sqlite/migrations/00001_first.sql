-- The first schema. Keys are BLOBs, which order bytewise; times are ns since 1970 UTC. Whatever SQL does not
-- need to see is JSON. No triggers, no foreign keys: core keeps references, metatest recounts them.

-- +goose Up

CREATE TABLE meta (
	id           INTEGER PRIMARY KEY CHECK (id = 1),
	format       INTEGER NOT NULL,
	store_id     BLOB    NOT NULL,
	epoch        INTEGER NOT NULL,
	config_epoch INTEGER NOT NULL
);
CREATE TABLE sequences (
	name TEXT    PRIMARY KEY,
	next INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE settings (
	name  TEXT PRIMARY KEY,
	value BLOB NOT NULL
);

-- Accounts.
CREATE TABLE users (
	id          INTEGER PRIMARY KEY,
	name        BLOB    NOT NULL,
	password    TEXT,
	admin       INTEGER NOT NULL,
	disabled    INTEGER NOT NULL,
	create_time INTEGER NOT NULL
);
CREATE UNIQUE INDEX users_name ON users (name);
CREATE TABLE access_keys (
	id          TEXT    PRIMARY KEY,
	user_id     INTEGER NOT NULL,
	secret      BLOB    NOT NULL,
	disabled    INTEGER NOT NULL,
	create_time INTEGER NOT NULL
);
CREATE INDEX access_keys_user ON access_keys (user_id, id);
CREATE TABLE grants (
	bucket_id INTEGER NOT NULL,
	user_id   INTEGER NOT NULL,
	access    INTEGER NOT NULL,
	PRIMARY KEY (bucket_id, user_id)
) WITHOUT ROWID;
CREATE INDEX grants_user ON grants (user_id);

-- Buckets and packages.
CREATE TABLE buckets (
	id             INTEGER PRIMARY KEY,
	name           BLOB    NOT NULL,
	owner          INTEGER NOT NULL,
	create_time    INTEGER NOT NULL,
	versioning     INTEGER NOT NULL,
	ever_versioned INTEGER NOT NULL,
	deleting       INTEGER NOT NULL,
	policy         TEXT    NOT NULL
);
CREATE UNIQUE INDEX buckets_name ON buckets (name) WHERE deleting = 0;
CREATE INDEX buckets_deleting ON buckets (name) WHERE deleting = 1;
CREATE TABLE docs (
	bucket_id INTEGER NOT NULL,
	kind      TEXT    NOT NULL,
	body      BLOB    NOT NULL,
	PRIMARY KEY (bucket_id, kind)
);
CREATE TABLE usage (
	bucket_id INTEGER PRIMARY KEY,
	objects   INTEGER NOT NULL,
	bytes     INTEGER NOT NULL
);
CREATE TABLE packages (
	id          INTEGER PRIMARY KEY,
	bucket_id   INTEGER NOT NULL,
	name        BLOB    NOT NULL,
	explicit    INTEGER NOT NULL,
	create_time INTEGER NOT NULL
);
CREATE UNIQUE INDEX packages_name ON packages (bucket_id, name);
CREATE INDEX packages_bucket ON packages (bucket_id, id);
-- Prefixes that a sweeper is emptying (S6): reads show nothing below them.
CREATE TABLE deleting_prefixes (
	bucket_id INTEGER NOT NULL,
	prefix    BLOB    NOT NULL,
	started   INTEGER NOT NULL,
	PRIMARY KEY (bucket_id, prefix)
) WITHOUT ROWID;

-- Entries: objects are live ones, hidden those whose current version is a delete marker. flags: 1 null
-- version, 2 marker, 4 keepforever, 8 older versions exist, 16 attributes lie in the side table, 32 dead
-- properties exist; 256 times the algorithm of the checksum (1 CRC32, 2 CRC32C, 3 CRC64NVME, 4 SHA1, 5 SHA256), 2048 it
-- is composite.
CREATE TABLE objects (
	bucket_id     INTEGER NOT NULL,
	key           BLOB    NOT NULL,
	object_id     INTEGER NOT NULL,
	create_time   INTEGER NOT NULL,
	last_version  INTEGER NOT NULL,
	last_revision INTEGER NOT NULL,
	unfinished    TEXT,
	seq           INTEGER NOT NULL,
	version_id    INTEGER NOT NULL,
	flags         INTEGER NOT NULL,
	size          INTEGER NOT NULL,
	etag          TEXT,
	sha256        BLOB,
	update_time   INTEGER NOT NULL,
	mtime         INTEGER,
	expiry        INTEGER NOT NULL,
	revision      INTEGER NOT NULL,
	content_kind  INTEGER NOT NULL,
	content_id    INTEGER NOT NULL,
	class         TEXT,
	created_by    INTEGER NOT NULL,
	part_count    INTEGER NOT NULL,
	attrs         TEXT,
	PRIMARY KEY (bucket_id, key)
) WITHOUT ROWID;
CREATE UNIQUE INDEX objects_id ON objects (object_id);
CREATE INDEX objects_expiry ON objects (expiry) WHERE expiry > 0;
CREATE INDEX objects_unfinished ON objects (unfinished) WHERE unfinished IS NOT NULL;
CREATE TABLE hidden (
	bucket_id     INTEGER NOT NULL,
	key           BLOB    NOT NULL,
	object_id     INTEGER NOT NULL,
	create_time   INTEGER NOT NULL,
	last_version  INTEGER NOT NULL,
	last_revision INTEGER NOT NULL,
	unfinished    TEXT,
	seq           INTEGER NOT NULL,
	version_id    INTEGER NOT NULL,
	flags         INTEGER NOT NULL,
	size          INTEGER NOT NULL,
	etag          TEXT,
	sha256        BLOB,
	update_time   INTEGER NOT NULL,
	mtime         INTEGER,
	expiry        INTEGER NOT NULL,
	revision      INTEGER NOT NULL,
	content_kind  INTEGER NOT NULL,
	content_id    INTEGER NOT NULL,
	class         TEXT,
	created_by    INTEGER NOT NULL,
	part_count    INTEGER NOT NULL,
	attrs         TEXT,
	PRIMARY KEY (bucket_id, key)
) WITHOUT ROWID;
CREATE UNIQUE INDEX hidden_id ON hidden (object_id);
-- Attributes over 512 bytes of entries, whose object_id stays when they move.
CREATE TABLE entry_attrs (
	object_id INTEGER PRIMARY KEY,
	attrs     TEXT    NOT NULL
);

-- Older versions, newest first.
CREATE TABLE versions (
	object_id    INTEGER NOT NULL,
	seq          INTEGER NOT NULL,
	version_id   INTEGER NOT NULL,
	flags        INTEGER NOT NULL,
	size         INTEGER NOT NULL,
	etag         TEXT,
	sha256       BLOB,
	update_time  INTEGER NOT NULL,
	mtime        INTEGER,
	expiry       INTEGER NOT NULL,
	revision     INTEGER NOT NULL,
	content_kind INTEGER NOT NULL,
	content_id   INTEGER NOT NULL,
	class        TEXT,
	created_by   INTEGER NOT NULL,
	part_count   INTEGER NOT NULL,
	attrs        TEXT,
	PRIMARY KEY (object_id, seq DESC)
) WITHOUT ROWID;
CREATE UNIQUE INDEX versions_id ON versions (object_id, version_id);
CREATE UNIQUE INDEX versions_null ON versions (object_id) WHERE flags & 1 = 1;
CREATE TABLE version_attrs (
	object_id INTEGER NOT NULL,
	seq       INTEGER NOT NULL,
	attrs     TEXT    NOT NULL,
	PRIMARY KEY (object_id, seq)
);

-- Content. Rowid tables: payloads read faster there than inside a clustered row.
CREATE TABLE inline_data (
	id   INTEGER PRIMARY KEY,
	sum  INTEGER NOT NULL,
	data BLOB    NOT NULL
);
-- Lists of extents, each 32 bytes: blob id, offset, length, big-endian. Those of a long list lie in list_extents,
-- 128 to a row, so that counting references does not write them again and a range reads only what it needs;
-- bound is where a row's last extent ends in the content. parts counts those in list_parts, whose row is for each
-- part its size, length of the checksum, checksum, numbers as varints. sole is the blob of a list of one extent.
CREATE TABLE lists (
	id      INTEGER PRIMARY KEY,
	refs    INTEGER NOT NULL,
	long    INTEGER NOT NULL,
	parts   INTEGER NOT NULL,
	sole    BLOB,
	extents BLOB
);
-- Long lists that nothing refers to: they are taken apart step by step.
CREATE INDEX lists_dead ON lists (id) WHERE refs = 0;
CREATE TABLE list_extents (
	list_id INTEGER NOT NULL,
	bound   INTEGER NOT NULL,
	extents BLOB    NOT NULL,
	PRIMARY KEY (list_id, bound)
);
CREATE TABLE list_parts (
	list_id INTEGER PRIMARY KEY,
	parts   BLOB    NOT NULL
);
-- Where equal inline content lies, filled by sorted background batches: digest is sha256[0:8].
CREATE TABLE hashes (
	size      INTEGER NOT NULL,
	digest    INTEGER NOT NULL,
	inline_id INTEGER NOT NULL,
	PRIMARY KEY (size, digest, inline_id)
) WITHOUT ROWID;

-- Blobs. digest is sha256[0:8] where the SHA-256 is known.
CREATE TABLE classes (
	id   INTEGER PRIMARY KEY,
	spec BLOB    NOT NULL
);
CREATE UNIQUE INDEX classes_spec ON classes (spec);
CREATE TABLE blobs (
	id          BLOB    PRIMARY KEY,
	class       INTEGER NOT NULL,
	size        INTEGER NOT NULL,
	digest      INTEGER,
	sha256      BLOB,
	crc64       INTEGER NOT NULL,
	refs        INTEGER NOT NULL,
	state       INTEGER NOT NULL,
	pack        BLOB,
	pack_offset INTEGER NOT NULL,
	pack_live   INTEGER NOT NULL,
	buffer      INTEGER NOT NULL,
	layout      BLOB    NOT NULL
) WITHOUT ROWID;
CREATE INDEX blobs_digest ON blobs (class, size, digest) WHERE digest IS NOT NULL;
CREATE INDEX blobs_unreferenced ON blobs (id) WHERE refs = 0;
CREATE INDEX blobs_state ON blobs (state, class) WHERE state <> 0;
CREATE INDEX blobs_pack ON blobs (pack) WHERE pack IS NOT NULL;

-- Uploads. doc is JSON of what SQL need not see.
CREATE TABLE uploads (
	id          TEXT    PRIMARY KEY,
	bucket_id   INTEGER NOT NULL,
	key         BLOB    NOT NULL,
	active_time INTEGER NOT NULL,
	native      INTEGER NOT NULL,
	doc         TEXT    NOT NULL
);
CREATE INDEX uploads_key ON uploads (bucket_id, key, id);
CREATE INDEX uploads_native ON uploads (bucket_id, key) WHERE native = 1;
CREATE INDEX uploads_idle ON uploads (active_time, id);
CREATE TABLE parts (
	upload_id    TEXT    NOT NULL,
	number       INTEGER NOT NULL,
	size         INTEGER NOT NULL,
	etag         TEXT,
	sha256       BLOB,
	checksum     TEXT,
	crc64        INTEGER NOT NULL,
	update_time  INTEGER NOT NULL,
	content_kind INTEGER NOT NULL,
	content_id   INTEGER NOT NULL,
	PRIMARY KEY (upload_id, number)
) WITHOUT ROWID;

-- Upkeep.
CREATE TABLE gc_queue (
	id             INTEGER PRIMARY KEY,
	blob           BLOB    NOT NULL,
	layout         BLOB    NOT NULL,
	queued_at      INTEGER NOT NULL,
	not_before     INTEGER NOT NULL,
	never_referred INTEGER NOT NULL
);
CREATE INDEX gc_queue_due ON gc_queue (not_before);
CREATE INDEX gc_queue_blob ON gc_queue (blob, id);
CREATE TABLE repair_queue (
	blob       BLOB    NOT NULL,
	segment    INTEGER NOT NULL,
	shard      INTEGER NOT NULL,
	reason     TEXT    NOT NULL,
	queued_at  INTEGER NOT NULL,
	not_before INTEGER NOT NULL,
	attempts   INTEGER NOT NULL,
	last_error TEXT    NOT NULL,
	PRIMARY KEY (blob, segment, shard)
) WITHOUT ROWID;
CREATE INDEX repair_queue_due ON repair_queue (not_before);
CREATE TABLE jobs (
	name        BLOB    PRIMARY KEY,
	incarnation INTEGER NOT NULL,
	state       BLOB,
	update_time INTEGER NOT NULL
) WITHOUT ROWID;

-- Spaces and leases.
CREATE TABLE spaces (
	id      INTEGER PRIMARY KEY,
	name    BLOB    NOT NULL,
	secrets BLOB,
	doc     TEXT    NOT NULL
);
CREATE TABLE leases (
	incarnation INTEGER PRIMARY KEY,
	holder      TEXT    NOT NULL,
	start_time  INTEGER NOT NULL,
	renew_time  INTEGER NOT NULL,
	dead        INTEGER NOT NULL
);

-- WebDAV locks and dead properties. The latter hang on an object, or on a bucket by its negative id.
CREATE TABLE locks (
	token     TEXT    PRIMARY KEY,
	bucket_id INTEGER NOT NULL,
	key       BLOB    NOT NULL,
	deep      INTEGER NOT NULL,
	shared    INTEGER NOT NULL,
	owner     INTEGER NOT NULL,
	expiry    INTEGER NOT NULL,
	doc       TEXT    NOT NULL
);
CREATE INDEX locks_key ON locks (bucket_id, key, token);
CREATE INDEX locks_owner ON locks (owner);
CREATE INDEX locks_expiry ON locks (expiry, token);
CREATE TABLE dead_properties (
	object_id INTEGER NOT NULL,
	namespace BLOB    NOT NULL,
	name      BLOB    NOT NULL,
	value     BLOB    NOT NULL,
	PRIMARY KEY (object_id, namespace, name)
);

-- Sync tasks and their runs.
CREATE TABLE tasks (
	id    INTEGER PRIMARY KEY,
	name  BLOB    NOT NULL,
	owner INTEGER NOT NULL,
	due   INTEGER NOT NULL,
	doc   TEXT    NOT NULL
);
CREATE INDEX tasks_due ON tasks (due) WHERE due > 0;
CREATE TABLE task_runs (
	task_id    INTEGER NOT NULL,
	run        INTEGER NOT NULL,
	start_time INTEGER NOT NULL,
	end_time   INTEGER,
	doc        TEXT    NOT NULL,
	PRIMARY KEY (task_id, run)
);

-- What consumers of a bucket's changes read, and what waits to be sent.
CREATE TABLE changes (
	bucket_id INTEGER NOT NULL,
	seq       INTEGER NOT NULL,
	time      INTEGER NOT NULL,
	kind      INTEGER NOT NULL,
	key       BLOB    NOT NULL,
	PRIMARY KEY (bucket_id, seq)
) WITHOUT ROWID;
CREATE INDEX changes_time ON changes (time);
CREATE TABLE outbox (
	id         INTEGER PRIMARY KEY,
	target     TEXT    NOT NULL,
	not_before INTEGER NOT NULL,
	attempts   INTEGER NOT NULL,
	body       BLOB    NOT NULL
);
CREATE INDEX outbox_due ON outbox (not_before);
