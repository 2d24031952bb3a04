//! Every limit, with its unit in its name. A limit that a client can meet is named in the API's comments too.

use std::time::Duration;

/// A text, unless the operator raises it.
pub const TEXT_BYTES_DEFAULT: usize = 2 * MIB;
/// The most that an operator may allow a text.
pub const TEXT_BYTES_CEILING: usize = 64 * MIB;
/// Texts of one batch together, so that a batch stays one commit.
pub const BATCH_TEXT_BYTES_MAX: usize = 3 * MIB;
/// A text longer than this is staged in commits of its own before its article is created.
pub const TEXT_STAGED_ABOVE_BYTES: usize = 256 * KIB;

/// An annotation as it is stored.
pub const ANNOTATION_BYTES_MAX: usize = 64 * KIB;
/// Spans of one annotation.
pub const ANNOTATION_SPANS_MAX: usize = 64;
/// Quotes of one annotation together; longer ones are left out of what is stored and answered.
pub const ANNOTATION_QUOTE_CODE_POINTS_MAX: usize = 1_024;
/// A prefix or suffix that tells equal quotes apart.
pub const QUOTE_CONTEXT_BYTES_MAX: usize = 1_024;
/// Steps of searching for the difference of two texts, under a second of work; beyond it, searches are narrow.
pub const DIFF_STEPS: u64 = 60_000_000;
/// Replaced text whose characters are compared, on either side; longer text is replaced as a whole.
pub const DIFF_REPLACED_BYTES_MAX: usize = 512;
/// Lines or words of a text that are compared with another's; if there are more, they are replaced as a whole.
pub const DIFF_TOKENS_MAX: usize = 4 * MIB;
/// Inserted text that is searched for what was moved, and deleted text too; of more than that nothing is moved.
pub const MOVED_TEXT_BYTES_MAX: usize = 4 * MIB;
/// A quote that is looked for in inserted text.
pub const MOVED_QUOTE_BYTES_MAX: usize = 64 * KIB;
/// Places at which a moved quote is compared; one that may stand at more is not unique enough.
pub const MOVED_CANDIDATES_MAX: usize = 256;
/// Code points of a quote that is known by itself where it was moved to.
pub const MOVED_QUOTE_CODE_POINTS_MIN: usize = 4;
/// Code points on either side of a moved quote that tell it from equal ones.
pub const MOVED_CONTEXT_CODE_POINTS: usize = 32;
/// Articles that are revised at a time; the next one waits.
pub const REVISIONS_MAX: usize = 2;
/// Annotations of an article that is revised, as they are stored: all of them are in memory meanwhile, three times as large.
pub const REVISED_ANNOTATION_BYTES_MAX: usize = 256 * MIB;
/// How often a revision begins anew because the article was given another text meanwhile, and how often it catches up with
/// who writes annotations meanwhile; then it is OVERLOADED.
pub const REVISION_TRIES_MAX: usize = 8;
/// Commits that a decision looks through for what was changed meanwhile.
pub const LATE_COMMITS_MAX: u64 = 1_024;
/// What of the log it reads for that.
pub const LATE_BYTES_MAX: usize = MIB;
/// Annotations that it carries over with the text, because they were changed meanwhile or use what was.
pub const LATE_ANNOTATIONS_MAX: usize = 128;
/// Annotations that need a review and are listed in the answer to a revision.
pub const NEEDS_REVIEW_LISTED_MAX: usize = 1_000;
/// Bytes of text that a call may search or hash on the thread that serves other calls, too.
pub const RUNTIME_WORK_BYTES_MAX: usize = 64 * KIB;
/// Writes of a commit that are prepared before other calls get their turn.
pub const RUNTIME_WORK_WRITES_MAX: usize = 64;
/// A label.
pub const LABEL_BYTES_MAX: usize = 256;
/// Attributes of one annotation.
pub const ATTRIBUTES_MAX: usize = 64;
/// An attribute's name.
pub const ATTRIBUTE_NAME_BYTES_MAX: usize = 128;
/// A string in an attribute.
pub const ATTRIBUTE_STRING_BYTES_MAX: usize = 4 * KIB;
/// Strings of one attribute.
pub const ATTRIBUTE_LIST_STRINGS_MAX: usize = 256;
/// An annotation's note.
pub const NOTE_BYTES_MAX: usize = 4 * KIB;
/// Annotations that one is derived from.
pub const DERIVED_FROM_MAX: usize = 64;
/// Arguments of one relation.
pub const RELATION_ARGUMENTS_MAX: usize = 2_048;
/// Arguments of relations that are judged again when what they use is called otherwise.
pub const JUDGED_ARGUMENTS_MAX: usize = 8_192;
/// The role of an argument.
pub const ROLE_BYTES_MAX: usize = 128;

/// A label schema: its change is logged with what it was before, and both are listed in one answer.
pub const SCHEMA_BYTES_MAX: usize = MIB;
/// Labels of a schema.
pub const SCHEMA_LABELS_MAX: usize = 20_000;
/// Labels from the top of a schema down to a label, with both.
pub const SCHEMA_LABEL_DEPTH_MAX: usize = 64;
/// Attributes of a schema.
pub const SCHEMA_ATTRIBUTES_MAX: usize = 1_000;
/// Roles of one label.
pub const SCHEMA_ROLES_MAX: usize = 256;
/// Exclusive sets of a schema.
pub const SCHEMA_SETS_MAX: usize = 1_000;
/// A shortcut of a label.
pub const SCHEMA_SHORTCUT_BYTES_MAX: usize = 32;
/// Annotations that break a new schema and are listed.
pub const VIOLATIONS_LISTED_MAX: usize = 16;
/// How far around an offset is looked for a grapheme cluster.
pub const GRAPHEME_BYTES_MAX: usize = KIB;

/// A file of settings that is read.
pub const SETTINGS_FILE_BYTES_MAX: usize = 8 * MIB;
/// Names of one mapping in a file of settings: far more than any has, and few enough to be held against each other.
pub const FILE_NAMES_MAX: usize = 256;
/// An example of what a format says and is not carried over; a longer one is cut.
pub const LOSS_EXAMPLE_BYTES_MAX: usize = 512;
/// How deep a file of settings may be nested.
pub const FILE_DEPTH_MAX: usize = 32;
/// A record of a file that is imported, or a file that is read as a whole: more than the longest text, with all its escapes.
pub const EXCHANGE_RECORD_BYTES_MAX: usize = 128 * MIB;
/// Parquet tables that wait for the one that belongs to them, together.
pub const PARQUET_WAITING_BYTES_MAX: usize = 256 * MIB;
/// A table of annotations, without its compression, whose rows are not in the order of its articles: all are in memory.
pub const PARQUET_UNORDERED_BYTES_MAX: usize = 64 * MIB;
/// A Parquet table that is written ends once it has this many bytes: whoever reads it must hold it.
pub const PARQUET_FILE_BYTES: usize = 64 * MIB;
/// A row group of a Parquet table: it is in memory until it is written.
pub const PARQUET_ROW_GROUP_BYTES: usize = 16 * MIB;
/// Its rows.
pub const PARQUET_ROW_GROUP_ROWS: usize = 64 * KIB;
/// Values of a page of a Parquet table that is read: a page of a few bytes may have any number of equal ones.
pub const PARQUET_PAGE_VALUES_MAX: u64 = 1 << 24;
/// Rows of a Parquet table that are read or written at a time, unless one is longer by itself.
pub const PARQUET_BATCH_BYTES: usize = MIB;
/// Records that wait for a quote that says what their offsets count.
pub const UNDECIDED_RECORDS_BYTES_MAX: usize = 16 * MIB;
/// Imports and exports that are under way at a time.
pub const EXCHANGES_MAX: usize = 4;
/// Bytes of a file in one message.
pub const FILE_CHUNK_BYTES_MAX: usize = MIB;
/// Bytes of a file in one message of an export.
pub const EXPORT_CHUNK_BYTES: usize = 256 * KIB;
/// Text that one view of an export reads; a longer one is read in views of its own.
pub const EXPORT_VIEW_TEXT_BYTES: usize = MIB;
/// A file's path in an import.
pub const FILE_PATH_BYTES_MAX: usize = KIB;
/// An import's id.
pub const IMPORT_ID_BYTES_MAX: usize = 128;
/// Layers that an export names.
pub const EXPORT_LAYERS_MAX: usize = 100;
/// What is read of an import and not yet written, in memory and roughly; one article may be larger.
pub const IMPORT_BYTES_HELD_MAX: usize = 64 * MIB;
/// How long an import waits for more before it writes what has come.
pub const IMPORT_PAUSE: Duration = Duration::from_millis(50);
/// How long a client may send nothing of an import, or take nothing of an import or an export.
pub const EXCHANGE_STALL_MAX: Duration = Duration::from_mins(10);
/// Batches of an import that are written at a time, and messages of it that wait.
pub const IMPORT_BATCHES_AHEAD: usize = 4;
/// Articles of a batch.
pub const IMPORT_BATCH_ARTICLES: usize = 64;
/// Their texts, unless one is longer by itself.
pub const IMPORT_BATCH_BYTES: usize = 512 * KIB;
/// Their annotations, unless one has more by itself.
pub const IMPORT_BATCH_ANNOTATIONS: usize = 2_000;
/// Annotations of one commit of an import.
pub const IMPORT_COMMIT_WRITES: usize = 500;
/// What they would take in an answer.
pub const IMPORT_COMMIT_BYTES: usize = MIB;
/// Annotations of an article that are held against the label schema by an import that writes nothing.
pub const IMPORT_CHECK_WRITES_MAX: usize = 1_000;
/// What may be wrong with an article for such an import to find all of it.
pub const IMPORT_CHECK_PROBLEMS_MAX: usize = 100;
/// Examples of what a format says and is not carried over.
pub const LOSS_EXAMPLES_MAX: usize = 10;

/// Layers that the annotations of one article are on.
pub const ARTICLE_LAYERS_MAX: usize = 256;
/// Layers of a project: those that were declared, and those that annotations are on.
pub const PROJECT_LAYERS_MAX: usize = 10_000;

/// A project, article or layer id.
pub const ID_BYTES_MAX: usize = 128;
/// A project's display name.
pub const DISPLAY_NAME_BYTES_MAX: usize = 256;
/// A project's description.
pub const DESCRIPTION_BYTES_MAX: usize = 4 * KIB;
/// Who or what annotates on a layer.
pub const ANNOTATOR_BYTES_MAX: usize = 256;
/// Labels of a layer of an article that are counted one by one.
pub const LAYER_LABELS_LISTED_MAX: usize = 1_000;
/// Annotations that one copy of a layer makes.
pub const COPY_ANNOTATIONS_MAX: usize = 2_000;
/// Annotations that one copy of a layer makes, as they are stored: they stand in the log, too.
pub const COPY_BYTES_MAX: usize = MIB;
/// Labels that a copy of a layer may be asked to keep to.
pub const COPY_LABELS_MAX: usize = 1_000;
/// An article's title.
pub const TITLE_BYTES_MAX: usize = 1_024;
/// An article's language tag.
pub const LANGUAGE_BYTES_MAX: usize = 35;
/// An article's source URI.
pub const SOURCE_URI_BYTES_MAX: usize = 2_048;
/// Entries of a metadata map.
pub const METADATA_ENTRIES_MAX: usize = 64;
/// A key of a metadata map.
pub const METADATA_KEY_BYTES_MAX: usize = 128;
/// A value of a metadata map.
pub const METADATA_VALUE_BYTES_MAX: usize = 2_048;
/// Keys and values of a metadata map together.
pub const METADATA_BYTES_MAX: usize = 16 * KIB;

/// A page when the request does not say.
pub const PAGE_ITEMS_DEFAULT: usize = 50;
/// The most a page holds.
pub const PAGE_ITEMS_MAX: usize = 1_000;
/// Writes of one commit or batch of annotations.
pub const COMMIT_WRITES_MAX: usize = 1_000;
/// Articles of one batch.
pub const BATCH_ARTICLES_MAX: usize = 500;
/// Names of one BatchGet.
pub const BATCH_GET_NAMES_MAX: usize = 1_000;
/// Offsets of one ConvertOffsets.
pub const CONVERT_OFFSETS_MAX: usize = 10_000;
/// An answer or a stream's message, so that a default client, which takes 4 MiB, can read it.
pub const ANSWER_BYTES_MAX: usize = 3 * MIB;
/// A stream's message beyond its first annotation: some of them wait for each slow client.
pub const STREAM_MESSAGE_BYTES_MAX: usize = 256 * KIB;
/// What a request may have beside its text.
pub const REQUEST_BYTES_BESIDE_TEXT: usize = 2 * MIB;
/// What a reading of a log gathers for those who follow it.
pub const FEED_READ_BYTES: usize = 128 * KIB;
/// What all tails of logs take that are kept encoded for those who follow them.
pub const FEED_TAIL_BYTES_MAX: usize = 16 * MIB;
/// After how long a commit is not kept encoded any more, though there is room: who has not read it by then is slow. It may
/// be twice as long.
pub const FEED_TAIL_AGE_MAX: Duration = Duration::from_secs(30);
/// How often those who follow a log are told how far they have come; the API promises every 15 s.
pub const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(10);
/// Bytes of a log that one page of a list looks at before it ends, however little it has found.
pub const CHANGES_SCANNED_BYTES_MAX: usize = 16 * MIB;
/// Names in conflict that a refusal to undo lists.
pub const CONFLICTS_LISTED_MAX: usize = 16;
/// A status with its details: clients cut trailers at 8 or 16 KiB.
pub const STATUS_BYTES_MAX: usize = 4 * KIB;
/// A filter.
pub const FILTER_BYTES_MAX: usize = 8 * KIB;
/// Comparisons and functions of one filter; each value of several in parentheses is one.
pub const FILTER_RESTRICTIONS_MAX: usize = 256;
/// Parentheses of a filter that stand in each other, those of functions too.
pub const FILTER_DEPTH_MAX: usize = 32;
/// Functions of a filter that stand in each other.
pub const FILTER_FUNCTION_DEPTH_MAX: usize = 4;
/// Different arguments of a filter's functions: what passes each is gathered beforehand.
pub const FILTER_FUNCTION_ARGUMENTS_MAX: usize = 8;
/// Comparisons of a filter that cost about as much as reading an annotation.
pub const FILTER_COMPARISONS_OF_ENTRY: usize = 8;
/// Spans that all functions of a filter find in one article: about 100 bytes each, for as long as they are asked.
pub const QUERY_SPANS_MAX: usize = 200_000;
/// Such spans of all calls; a call that needs more is OVERLOADED.
pub const QUERY_SPANS_HELD_MAX: usize = 10 * QUERY_SPANS_MAX;
/// What a view copies of annotations for a filter with functions.
pub const QUERY_COPY_BYTES_MAX: usize = 4 * MIB;
/// Calls that hold such a copy at a time; others wait.
pub const QUERY_COPIES_MAX: usize = 4;
/// Annotations that a filter with functions is asked of before other work gets its turn.
pub const QUERY_TURN_ANNOTATIONS_MAX: usize = 256;
/// Positions that an error lists.
pub const ERROR_POSITIONS_MAX: usize = 16;

/// The last revision that a project may come to: all up to here are whole numbers in JavaScript, too.
pub const REVISION_MAX: u64 = (1 << 53) - 1;

/// A stored key, with its partition.
pub const KEY_BYTES_MAX: usize = 64;
/// A stored value: sled writes larger pages as files that it never syncs.
pub const VALUE_BYTES_MAX: usize = 4 * KIB;
/// A group of commits ends once it has this many rows.
pub const GROUP_ROWS_MAX: usize = 1_000;
/// A group of commits ends once it has this many bytes.
pub const GROUP_BYTES_MAX: usize = MIB;
/// One commit's rows.
pub const COMMIT_ROWS_MAX: usize = 4_096;
/// One commit's bytes.
pub const COMMIT_BYTES_MAX: usize = 4 * MIB;
/// Rows of one unlogged write of the sweeper or of staging.
pub const MAINTENANCE_ROWS_MAX: usize = 256;
/// Commits that wait for the writer; one more is OVERLOADED.
pub const WRITER_QUEUE_COMMITS_MAX: usize = 8_192;
/// Rows that one view reads before it should end.
pub const VIEW_ROWS_MAX: usize = 1_024;
/// Threads that read the database.
pub const READER_THREADS_MAX: usize = 4;
/// Reads that wait for a reader; one more is OVERLOADED.
pub const READER_QUEUE_READS_MAX: usize = 8_192;
/// Commits that a project's log keeps, unless the operator says otherwise.
pub const LOG_COMMITS_DEFAULT: u64 = 1_000_000;
/// How long a project's log keeps a commit, unless the operator says otherwise.
pub const LOG_AGE_DEFAULT: Duration = Duration::from_hours(30 * 24);
/// How often the logs are looked at for what is to be forgotten.
pub const LOG_TRIM_INTERVAL: Duration = Duration::from_mins(1);
/// How long before commits are forgotten those who follow the log are told.
pub const LOG_TRIM_NOTICE: Duration = Duration::from_secs(10);
/// How long a request's id is known, at least.
pub const REQUEST_AGE_MIN: Duration = Duration::from_hours(24);
/// Ids are forgotten for so long a time together.
pub const REQUEST_BUCKET: Duration = Duration::from_hours(6);
/// Ids that a project knows: 1,000 a second for as long as an id may be known. One more is OVERLOADED.
pub const REQUESTS_MAX: u64 = 1_000 * 30 * 3_600;
/// Free space on the disk below which writes are refused, unless the operator says otherwise.
pub const FREE_SPACE_BYTES_DEFAULT: u64 = 256 * 1_024 * 1_024;
/// How often the count of acknowledged batches is synced; in between, it outlives the process and not the machine.
pub const ACKNOWLEDGED_SYNC_INTERVAL: Duration = Duration::from_secs(1);
/// How old the last look at the free space may be when a group is written.
pub const FREE_SPACE_AGE_MAX: Duration = Duration::from_millis(250);

/// Problems that a check of a data folder lists; it counts all.
pub const PROBLEMS_LISTED_MAX: usize = 1_000;

/// A packed row splits above this.
pub const RUN_BYTES_MAX: usize = 2 * KIB;
/// A packed row merges with a neighbour below this.
pub const RUN_BYTES_MIN: usize = 512;
/// An entry of a packed row; a longer one is kept in rows of its own.
pub const RUN_ENTRY_BYTES_MAX: usize = KIB;

/// Backups that are made at a time; one more is OVERLOADED.
pub const BACKUPS_MAX: usize = 2;
/// What one view of a backup gathers, beyond its first item: about a millisecond, since writers wait for it.
pub const BACKUP_VIEW_BYTES_MAX: usize = 128 * KIB;
/// Annotations that one view of a backup looks at, about a hundred rows; whatever else it reads counts as several.
pub const BACKUP_VIEW_ENTRIES_MAX: usize = 2_000;
/// What a frame of a backup's file may hold. The longest is a change of the longest label schema, before and after.
pub const BACKUP_FRAME_BYTES_MAX: usize = 3 * MIB;
/// What a message of a backup may hold of its file.
pub const BACKUP_CHUNK_BYTES_MAX: usize = 256 * KIB;
/// How long a backup waits for a client that takes nothing: meanwhile no log is trimmed, and its place is taken.
pub const BACKUP_STALL_MAX: Duration = Duration::from_mins(10);
/// What a client writes of a backup before it syncs it.
pub const BACKUP_UNSYNCED_BYTES_MAX: usize = 4 * MIB;
/// Projects that a backup's summary lists.
pub const BACKUP_PROJECTS_LISTED_MAX: usize = 1_000;
/// Restoring writes so many rows at once.
pub const RESTORE_BATCH_ROWS_MAX: usize = 2_048;
/// Restoring syncs the disk after so much.
pub const RESTORE_SYNC_BYTES: usize = 64 * MIB;
/// Restoring gives up when less than this is free on the disk.
pub const RESTORE_FREE_BYTES_MIN: u64 = 64 * 1_024 * 1_024;

/// Answers that are kept encoded.
pub const HOT_ANSWER_BYTES_MAX: u64 = 32 * 1_024 * 1_024;
/// Texts that are kept in memory.
pub const HOT_TEXT_BYTES_MAX: u64 = 64 * 1_024 * 1_024;

/// The database's own cache of pages, unless the operator says otherwise.
pub const DATABASE_CACHE_BYTES_DEFAULT: u64 = 128 * 1_024 * 1_024;

/// Threads that serve calls.
pub const WORKERS_MAX: usize = 256;
/// Threads beside one that serves calls, for what would hold up its other calls.
pub const WORKER_BLOCKING_THREADS_MAX: usize = 2;
/// Calls in flight, open streams included, unless the operator says otherwise; one more is OVERLOADED.
pub const CALLS_IN_FLIGHT_DEFAULT: usize = 4_096;
/// What requests that are under way to the server may hold together; more is OVERLOADED.
pub const REQUEST_BYTES_HELD_MAX: usize = 512 * MIB;
/// Calls that one connection may have in flight.
pub const CONNECTION_CALLS_MAX: u32 = 1_024;
/// What a client may send on one stream before it is read. Far less than [`CONNECTION_WINDOW_BYTES`], since a
/// connection on which many small frames wait to be read is closed.
pub const STREAM_WINDOW_BYTES: u32 = 256 * 1_024;
/// What a client may send on all streams of a connection before it is read.
pub const CONNECTION_WINDOW_BYTES: u32 = 16 * 1_024 * 1_024;
/// A request's headers.
pub const REQUEST_HEADER_BYTES_MAX: u32 = 16 * 1_024;
/// How long a new connection may say nothing, and how long it may take over the headers of an HTTP/1 request.
pub const CONNECTION_SILENCE_MAX: Duration = Duration::from_secs(30);
/// How often a connection is asked whether its client still lives.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_mins(1);
/// How long the client may take to answer that.
pub const KEEPALIVE_ANSWER_MAX: Duration = Duration::from_secs(20);
/// How long an answer may take to begin, unless the operator says otherwise: a request that is never sent whole, too,
/// has its place among the calls in flight.
pub const ANSWER_BEGINS_DEFAULT: Duration = Duration::from_mins(1);
/// How long a draining server waits for what it has begun, unless the operator says otherwise.
pub const DRAIN_DEFAULT: Duration = Duration::from_secs(10);
/// How long streams may take to end by themselves once the server drains.
pub const STREAM_FAREWELL_MAX: Duration = Duration::from_secs(1);

const KIB: usize = 1_024;
const MIB: usize = 1_024 * KIB;
