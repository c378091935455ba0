begin;
select plan(92);

insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
values ('E-1', 'Situational Judgment', current_date + 30, '09:00', 3, 'true'),
       ('E-2', 'Situational Judgment', current_date + 31, '09:00', 3, 'true');
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email, sj_credits)
values ('C-1', 'S-1', 'ann@example.com', 5), ('C-2', 'S-2', 'bob@example.com', 5);
create temp table made as
  select * from api.create_booking('E-1', 'S-1', 'ann@example.com')
  union all
  select * from api.create_booking('E-1', 'S-2', 'bob@example.com');
select api.cancel_booking((select booking_id from made where student_id = 'S-2'));

create temp view red as
  select v.name, v.violations, v.sample from api.verify() v where v.violations > 0
   order by v.name;

select is_empty('table red', 'after ordinary work every invariant holds');
select cmp_ok((select count(*) from api.verify()), '>=', 7::bigint, 'every invariant is listed');
select is_empty($$select name from api.verify() where coalesce(meaning, '') = ''$$,
                'each says what it means');
select is_empty('select name from api.verify() group by name having count(*) > 1',
                'each once');
select is((select provolatile::text from pg_proc where oid = 'api.verify()'::regprocedure), 's',
          'all are judged in one snapshot');

create function pg_temp.offenders(p_name text) returns text language sql as $$
  select case when r.violations > 0 then r.sample end from api.verify() r where r.name = p_name
$$;
create function pg_temp.queued() returns bigint language sql as $$
  select min(q.id) from hubspot_sync.sync_queue q
$$;
-- Each break is made without the triggers that would prevent it, and undone. ------------------
savepoint sound;
set local session_replication_role = replica;
update hubspot_sync.exam_seats set taken = taken + 1
 where exam = (select id from hubspot_sync.hubspot_mock_exams where hubspot_id = 'E-1');
select results_eq(
  'table red',
  $$select 'seats_counted', 1::bigint, id::text
      from hubspot_sync.hubspot_mock_exams where hubspot_id = 'E-1'$$,
  'a counter that is too high is found, and named');
update hubspot_sync.exam_seats set taken = 0;
select results_eq('select name from red', array['seats_counted'],
                  'a counter that is too low is found');
rollback to sound;
set local session_replication_role = replica;
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, exam, mock_type, exam_date, student_id, student_email,
   is_active)
select 'B-1', '1', 'E-2', id, mock_type, exam_date, 'S-9', 'nine@example.com', 'Completed'
  from hubspot_sync.hubspot_mock_exams where hubspot_id = 'E-2';
select results_eq('select name from red', array['seats_counted'],
                  'a booking that was not counted is found');
rollback to sound;
set local session_replication_role = replica;
delete from hubspot_sync.exam_seats
 where exam = (select id from hubspot_sync.hubspot_mock_exams where hubspot_id = 'E-2');
select results_eq('select name, violations from red', $$values ('seats_exist', 1::bigint)$$,
                  'an exam without a counter is found');
rollback to sound;
set local session_replication_role = replica;
update hubspot_sync.hubspot_mock_exams set capacity = 99 where hubspot_id = 'E-1';
select results_eq('select name from red', array['seats_exist'],
                  'a counter with another capacity is found');
rollback to sound;
set local session_replication_role = replica;
update hubspot_sync.hubspot_mock_exams set is_active = 'no';
select results_eq('select name, violations from red', $$values ('seats_exist', 2::bigint)$$,
                  'counters of another state are found');
rollback to sound;

set local session_replication_role = replica;
update hubspot_sync.hubspot_contact_credits set sj_credits = sj_credits + 1
 where hubspot_id = 'C-1';
select results_eq(
  'table red',
  $$select 'ledger_equals_balances', 1::bigint, id::text
      from hubspot_sync.hubspot_contact_credits where hubspot_id = 'C-1'$$,
  'a balance the ledger does not know is found');
rollback to sound;
set local session_replication_role = replica;
delete from hubspot_sync.credit_ledger where reason = 'opening';
select results_eq('select name, violations from red',
                  $$values ('ledger_chain', 2::bigint), ('ledger_equals_balances', 2::bigint)$$,
                  'entries that are gone are found');
rollback to sound;
set local session_replication_role = replica;
update hubspot_sync.credit_ledger set credit = 'cs_credits' where reason = 'opening';
select ok('ledger_equals_balances' in (select name from red),
          'entries of another balance are found');
rollback to sound;

-- The unique indexes have to go first.
drop index hubspot_sync.bookings_one_active_per_exam, hubspot_sync.bookings_one_active_per_day;
create temp view red_rows as select * from red where name <> 'guards_in_place';
select is(pg_temp.offenders('guards_in_place'),
          'bookings_one_active_per_day, bookings_one_active_per_exam',
          'unique indexes that are gone are named');
savepoint no_index;
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, student_id, student_email, is_active)
values ('B-1', '1', 'E-9', 'S-9', 'nine@example.com', 'Active'),
       ('B-2', '2', 'E-9', 'S-9', 'nine@example.com', 'Active');
select results_eq('table red_rows', $$values ('one_active_per_exam', 1::bigint, '1')$$,
                  'two active bookings of one student and exam are found');
update hubspot_sync.hubspot_bookings set is_active = 'Cancelled' where booking_id = '2';
select is_empty('table red_rows', 'a cancelled one does not count');
rollback to no_index;
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, student_id, student_email, is_active, mock_type,
   exam_date)
values ('B-1', '1', 'E-8', 'S-9', 'nine@example.com', 'Active', 'Mini-mock', '2030-02-01 09:00'),
       ('B-2', '2', 'E-9', 'S-9', 'nine@example.com', 'Active', 'Mini-mock', '2030-02-01 14:00');
select results_eq('table red_rows', $$values ('one_active_per_day', 1::bigint, '1')$$,
                  'two active bookings of one student, type and day are found');
update hubspot_sync.hubspot_bookings set exempt = true where booking_id = '2';
select is_empty('table red_rows', 'old data that was reported and kept is no violation');
rollback to no_index;
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, student_id, student_email, is_active)
values ('B-1', '1', 'E-8', 'S-9', 'nine@example.com', 'Active'),
       ('B-2', '2', 'E-9', 'S-9', 'nine@example.com', 'Active');
select is_empty('table red_rows', 'bookings whose exams are not here are of no known day');
rollback to sound;

set local session_replication_role = replica;
delete from hubspot_sync.credit_ledger where reason = 'refund';
select ok('booking_paid_once' in (select name from red),
          'a cancelled booking without its refund is found');
select is((select sample from red where name = 'booking_paid_once'),
          (select booking_id from made where student_id = 'S-2'), 'and named by its booking id');
rollback to sound;
set local session_replication_role = replica;
update hubspot_sync.hubspot_bookings set is_active = 'Cancelled'
 where id = (select id from made where student_id = 'S-1');
select ok('booking_paid_once' in (select name from red),
          'a booking cancelled without its refund is found');
rollback to sound;
set local session_replication_role = replica;
update hubspot_sync.credit_ledger set reason = 'grant' where reason = 'booking';
select ok('booking_paid_once' in (select name from red),
          'a booking that was not paid for is found');
rollback to sound;

set local session_replication_role = replica;
delete from hubspot_sync.sync_queue
 where record = (select id from made where student_id = 'S-1');
select results_eq(
  'table red',
  $$select 'queued_until_synced', 1::bigint, booking_id from made where student_id = 'S-1'$$,
  'a booking HubSpot lacks that is not in the outbox is found');
rollback to sound;
set local session_replication_role = replica;
update hubspot_sync.sync_queue set synced = true, synced_at = now();
select is((select violations from red where name = 'queued_until_synced'), 2::bigint,
          'a sent change is no open one');
update hubspot_sync.hubspot_bookings set hubspot_id = booking_id;
select is_empty('table red', 'with HubSpot''s ids there nothing is missing');
rollback to sound;

-- The checks of links, chains and guards, each broken once. -------------------------------------
rollback to sound;
set local session_replication_role = replica;
update hubspot_sync.hubspot_bookings b set exam = null from made where b.id = made.id
   and made.student_id = 'S-1';
select is(pg_temp.offenders('bookings_linked'),
       (select booking_id from made where student_id = 'S-1'),
          'a booking that does not know its exam, which is here, is named');
rollback to sound;
set local session_replication_role = replica;
update hubspot_sync.hubspot_bookings b set contact = null from made where b.id = made.id
   and made.student_id = 'S-1';
select is(pg_temp.offenders('bookings_linked'),
       (select booking_id from made where student_id = 'S-1'),
          'one that does not know its contact, too');
update hubspot_sync.hubspot_bookings b set contact_id = 'C-none', exam = null,
       mock_exam_id = 'E-none' from made where b.id = made.id and made.student_id = 'S-1';
select is(pg_temp.offenders('bookings_linked'), null, 'whose exam and contact are not here is not');
rollback to sound;

set local session_replication_role = replica;
update hubspot_sync.credit_ledger l set credit = 'cs_credits' where l.reason = 'refund';
select is(pg_temp.offenders('refund_where_spent'),
          (select id::text from made where student_id = 'S-2'),
          'a refund to another balance is named by its booking');
rollback to sound;
set local session_replication_role = replica;
update hubspot_sync.credit_ledger l
   set contact = (select id from hubspot_sync.hubspot_contact_credits where hubspot_id = 'C-1')
 where l.reason = 'refund';
select is(pg_temp.offenders('refund_where_spent'),
          (select id::text from made where student_id = 'S-2'),
          'a refund to another contact, too');
rollback to sound;

set local session_replication_role = replica;
update hubspot_sync.credit_ledger l
   set balance_before = balance_before + 1, balance_after = balance_after + 1
 where l.reason = 'refund';
select is(pg_temp.offenders('ledger_chain'),
          (select id::text from hubspot_sync.credit_ledger where reason = 'refund'),
          'an entry that does not begin where the last one ended is named');
rollback to sound;
set local session_replication_role = replica;
update hubspot_sync.credit_ledger l
   set balance_before = 1, balance_after = balance_after + 1
 where l.reason = 'opening'
   and l.contact = (select id from hubspot_sync.hubspot_contact_credits where hubspot_id = 'C-2');
select is((select violations from red where name = 'ledger_chain'), 2::bigint,
          'a first entry that does not begin at 0 breaks the chain before and behind it');
rollback to sound;

set local session_replication_role = replica;
update hubspot_sync.hubspot_bookings b set mock_type = 'Mini-mock' from made where b.id = made.id
   and made.student_id = 'S-1';
select is(pg_temp.offenders('bookings_match_exam'),
          (select booking_id from made where student_id = 'S-1'),
          'a booking of another type than its exam is named');
rollback to sound;
set local session_replication_role = replica;
update hubspot_sync.hubspot_bookings b set exam_date = current_date + 9 from made
 where b.id = made.id and made.student_id = 'S-1';
select is(pg_temp.offenders('bookings_match_exam'),
          (select booking_id from made where student_id = 'S-1'), 'of another day, too');
rollback to sound;
set local session_replication_role = replica;
update hubspot_sync.hubspot_bookings b set mock_exam_id = 'E-2' from made
 where b.id = made.id and made.student_id = 'S-1';
select is(pg_temp.offenders('bookings_match_exam'),
          (select booking_id from made where student_id = 'S-1'),
          'one that names another exam than it holds a seat of, too');
update hubspot_sync.hubspot_bookings set is_active = 'Cancelled';
select is(pg_temp.offenders('bookings_match_exam'), null, 'without a seat it does not matter');
rollback to sound;

set local session_replication_role = replica;
update hubspot_sync.hubspot_mock_exams set deleted_at = now() where hubspot_id = 'E-1';
select is(pg_temp.offenders('deleted_exams_empty'), 'E-1',
          'a deleted exam with an active booking is named');
rollback to sound;

set local session_replication_role = replica;
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email)
values ('C-1b', 'S-1', 'ANN@example.com');
select is(pg_temp.offenders('contacts_unique'),
          (select min(id::text) from hubspot_sync.hubspot_contact_credits where student_id = 'S-1'),
          'two spellings of one person''s email are named');
insert into hubspot_sync.migration_findings (table_name, record, finding)
select 'hubspot_contact_credits',
       id, 'test' from hubspot_sync.hubspot_contact_credits where hubspot_id = 'C-1b';
select is(pg_temp.offenders('contacts_unique'), null,
          'a pair that the migration found and told is not');
rollback to sound;

set local session_replication_role = replica;
update hubspot_sync.hubspot_bookings b set student_id = '' from made where b.id = made.id
   and made.student_id = 'S-1';
select is(pg_temp.offenders('ids_present'), (select id::text from made where student_id = 'S-1'),
          'a booking with an empty id is named');
update hubspot_sync.hubspot_bookings set exempt = true;
select is(pg_temp.offenders('ids_present'), null, 'old data that was told is not');
rollback to sound;

alter table hubspot_sync.hubspot_bookings disable trigger hubspot_bookings_seats_insert;
select alike(pg_temp.offenders('guards_in_place'), '%hubspot_bookings_seats_insert%',
             'a trigger that is disabled is named');
rollback to sound;
alter table hubspot_sync.hubspot_bookings enable replica trigger hubspot_bookings_seats_insert;
select alike(pg_temp.offenders('guards_in_place'), '%hubspot_bookings_seats_insert%',
             'one that fires for replicas alone, too');
rollback to sound;
alter table hubspot_sync.hubspot_bookings enable always trigger hubspot_bookings_seats_insert;
select is(pg_temp.offenders('guards_in_place'), null, 'one that fires always is not');
rollback to sound;
alter table hubspot_sync.exam_seats add constraint doubted check (taken < 10) not valid;
select alike(pg_temp.offenders('guards_in_place'), '%doubted%', 'a constraint not valid is named');
rollback to sound;
update pg_index set indisvalid = false
 where indexrelid = 'hubspot_sync.bookings_one_active_per_day'::regclass;
select alike(pg_temp.offenders('guards_in_place'), '%bookings_one_active_per_day%',
             'an index not valid is named');
rollback to sound;

create table hubspot_sync.open ();
select is(pg_temp.offenders('nothing_unprotected'), 'hubspot_sync.open',
          'a table without row level security is named');
rollback to sound;
grant execute on function hubspot_sync.setting(text) to anon;
select is(pg_temp.offenders('nothing_unprotected'), 'hubspot_sync.setting(text)',
          'a function anon may run is named, its schema once');
rollback to sound;
grant select on hubspot_sync.booking_analytics to authenticated;
select is(pg_temp.offenders('nothing_unprotected'), 'hubspot_sync.booking_analytics',
          'a materialized view clients may read is named');
rollback to sound;
alter view hubspot_sync.booking_events set (security_invoker = false);
grant select on hubspot_sync.booking_events to anon;
select is(pg_temp.offenders('nothing_unprotected'), 'hubspot_sync.booking_events',
          'a view with its owner''s rights, too');
rollback to sound;
alter function api.get_booking(uuid, text, text) reset search_path;
select alike(pg_temp.offenders('nothing_unprotected'), '%get_booking%',
             'a function of api with its owner''s rights and any search_path is named');
rollback to sound;
create table public.open ();
select is(pg_temp.offenders('nothing_unprotected'), null, 'what is not ours is not ours to verify');
rollback to sound;

update hubspot_sync.sync_queue set synced = true where id = pg_temp.queued();
select is(pg_temp.offenders('queue_consistent'), pg_temp.queued()::text,
          'a row that was synced at no time is named');
rollback to sound;
update hubspot_sync.sync_queue set synced_at = now() where id = pg_temp.queued();
select is(pg_temp.offenders('queue_consistent'), pg_temp.queued()::text,
          'one with a time that was not synced, too');
rollback to sound;
update hubspot_sync.sync_queue set synced = true, synced_at = now(), epoch = 1
 where id = pg_temp.queued();
select is(pg_temp.offenders('queue_consistent'), pg_temp.queued()::text,
          'one that is synced and leased, too');
rollback to sound;
update hubspot_sync.sync_queue set dead_at = now(), epoch = 1 where id = pg_temp.queued();
select is(pg_temp.offenders('queue_consistent'), pg_temp.queued()::text,
          'one that is dead and leased, too');
rollback to sound;
update hubspot_sync.sync_queue set dead_at = now() where id = pg_temp.queued();
select is(pg_temp.offenders('queue_consistent'), null, 'a dead letter is in order');
rollback to sound;

select hubspot_sync.store_signals('hubspot_bookings', '{1}', 'poll');
create function pg_temp.signal() returns text language sql as $$
  select id::text from hubspot_sync.webhook_inbox
$$;
savepoint signalled;
update hubspot_sync.webhook_inbox set done_at = now(), epoch = 1;
select is(pg_temp.offenders('inbox_consistent'), pg_temp.signal(),
          'a signal that is done and leased is named');
rollback to signalled;
update hubspot_sync.webhook_inbox set done_at = now(), dead_at = now();
select is(pg_temp.offenders('inbox_consistent'), pg_temp.signal(), 'one that is done and dead, too');
rollback to signalled;
update hubspot_sync.webhook_inbox set dead_at = now(), epoch = 1;
select is(pg_temp.offenders('inbox_consistent'), pg_temp.signal(),
          'one that is dead and leased, too');
rollback to signalled;
update hubspot_sync.webhook_inbox set next_attempt_at = now() + interval '2 days';
select is(pg_temp.offenders('inbox_consistent'), pg_temp.signal(), 'one that waits for days, too');
update hubspot_sync.webhook_inbox
   set last_attempt_at = now() + interval '1 day', epoch = 1;
select is(pg_temp.offenders('inbox_consistent'), null, 'a lease of a day is in order');
rollback to signalled;
update hubspot_sync.webhook_inbox set dead_at = now(),
       next_attempt_at = now() + interval '2 days';
select is(pg_temp.offenders('inbox_consistent'), null, 'so is a dead letter');
rollback to sound;

insert into hubspot_sync.hubspot_contact_credits (student_id, email)
values ('S-5', 'new@example.com');
savepoint new_contact;
set local session_replication_role = replica;
delete from hubspot_sync.sync_queue q using hubspot_sync.hubspot_contact_credits c
 where q.record = c.id and c.student_id = 'S-5';
select is(pg_temp.offenders('queued_until_synced'), 'S-5',
          'a contact HubSpot lacks that is not in the outbox is named');
insert into hubspot_sync.sync_errors (direction, entity, record, error_message)
select 'supabase_to_hubspot', 'hubspot_contact_credits', c.id, 'why'
  from hubspot_sync.hubspot_contact_credits c where c.student_id = 'S-5';
select is(pg_temp.offenders('queued_until_synced'), null, 'with an open error it is known');
update hubspot_sync.sync_errors set resolved_at = now();
select is(pg_temp.offenders('queued_until_synced'), 'S-5', 'with a healed one it is not');
rollback to sound;

-- Events -------------------------------------------------------------------------------------
select hubspot_sync.append_events();
select is_empty('table red', 'with its events logged every invariant holds');
select set_config('test.event', max(audit_id)::text, true) from hubspot_sync.event_log;
savepoint logged;
set local session_replication_role = replica;
delete from hubspot_sync.event_log where sequence_number = 2;
select is(pg_temp.offenders('events_gapless'), '2 events up to 3', 'a gap in the log is found');
rollback to logged;
set local session_replication_role = replica;
delete from hubspot_sync.event_log where sequence_number = 1;
select is(pg_temp.offenders('events_gapless'), '2 events up to 3', 'a lost beginning is found');
rollback to logged;
set local session_replication_role = replica;
delete from hubspot_sync.event_log where sequence_number = 3;
select is(pg_temp.offenders('events_gapless'), null, 'a lost end leaves no gap');
select is(pg_temp.offenders('events_logged'), current_setting('test.event'),
          'but the audit log knows what is missing');
update hubspot_sync.sync_status
   set state = jsonb_set(state, '{settled}', to_jsonb(current_setting('test.event')::bigint - 1))
 where task = 'append_events';
select is(pg_temp.offenders('events_logged'), null, 'what is not settled yet is not missing');
rollback to sound;

-- Many ---------------------------------------------------------------------------------------
set local session_replication_role = replica;
insert into hubspot_sync.hubspot_bookings (booking_id, mock_exam_id, student_id, student_email)
select 'L-' || n, 'E-9', 'S-' || n, n || '@example.com' from generate_series(1, 9) n;
select row_eq($$select violations, sample from red where name = 'queued_until_synced'$$,
              row(9::bigint, 'L-1, L-2, L-3, L-4, L-5'::text),
              'of many offenders the first five are named, and all are counted');
rollback to sound;

insert into hubspot_sync.hubspot_slots (limit_name, slot, free_at)
values ('burst', 1, now() + interval '2 hours'), ('search', 1, now() + interval '1 minute');
select is(pg_temp.offenders('budget_kept'), 'burst 1', 'a slot that is taken for ever is found');
rollback to sound;

insert into hubspot_sync.sync_notes (id, contact, body, entries, noted_at)
select gen_random_uuid(), c.id, 'body', array[a.id], now()
  from hubspot_sync.hubspot_contact_credits c,
       (select max(id) as id from hubspot_sync.supabase_audit_log) a
 where c.hubspot_id = 'C-2';
create function pg_temp.note() returns text language sql as
  'select id::text from hubspot_sync.sync_notes';
select is(pg_temp.offenders('noted_once'), pg_temp.note(),
          'a note of an entry that does not know it is named');
select is(pg_temp.offenders('queued_until_synced'), pg_temp.note(),
          'and, as it is not in the outbox, as such');
update hubspot_sync.supabase_audit_log a set note = n.id, to_note = false
  from hubspot_sync.sync_notes n where a.id = any (n.entries);
select is(pg_temp.offenders('noted_once'), null, 'an entry that knows its note is in order');
update hubspot_sync.supabase_audit_log set hubspot_sent_at = now() where note is not null;
select is(pg_temp.offenders('noted_once'), pg_temp.note(),
          'one that was sent before its note is not');
update hubspot_sync.supabase_audit_log set hubspot_sent_at = null, to_note = true
 where note is not null;
select is(pg_temp.offenders('noted_once'), pg_temp.note(), 'nor one that would be told again');
rollback to sound;

insert into hubspot_sync.hubspot_contact_credits (student_id, email, deleted_at, merged_into)
select 'S-0', 'old@example.com', now(), c.id
  from hubspot_sync.hubspot_contact_credits c where c.hubspot_id = 'C-2';
create function pg_temp.merged() returns text language sql as
  $$select id::text from hubspot_sync.hubspot_contact_credits where student_id = 'S-0'$$;
savepoint merged;
select is(pg_temp.offenders('merged_empty'), null, 'a contact that was merged away is in order');
update hubspot_sync.hubspot_contact_credits set sj_credits = 1 where student_id = 'S-0';
select is(pg_temp.offenders('merged_empty'), pg_temp.merged(), 'one with a balance is not');
rollback to merged;
update hubspot_sync.hubspot_contact_credits set hubspot_id = 'C-0' where student_id = 'S-0';
select is(pg_temp.offenders('merged_empty'), pg_temp.merged(), 'nor one with a HubSpot id');
rollback to merged;
update hubspot_sync.hubspot_bookings set contact = pg_temp.merged()::uuid, student_id = 'S-0'
 where student_id = 'S-2';
select is(pg_temp.offenders('merged_empty'), pg_temp.merged(), 'nor one with a booking');
rollback to merged;
update hubspot_sync.hubspot_contact_credits c set merged_into = pg_temp.merged()::uuid
 where c.hubspot_id = 'C-1';
select isnt(pg_temp.offenders('merged_empty'), null, 'nor one that is two steps away');
rollback to sound;

insert into hubspot_sync.sync_shadow (record, table_name, properties, version, read_version)
values ('00000000-0000-4000-8000-00000000000f', 'hubspot_bookings', '{}',
        '2030-01-01 10:00+00', '2030-01-01 10:00+00');
select is(pg_temp.offenders('versions_ordered'), null, 'what was read may be the newest');
update hubspot_sync.sync_shadow set acknowledged = '2030-01-01 10:01+00'
 where record = '00000000-0000-4000-8000-00000000000f';
select is(pg_temp.offenders('versions_ordered'), '00000000-0000-4000-8000-00000000000f',
          'what was written may not be newer than that');
rollback to sound;

-- No violations ------------------------------------------------------------------------------
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, student_id, student_email, is_active)
select 'B-' || n, 'O-' || n, 'E-1', 'S-1' || n, n || '@example.com', 'Active'
  from generate_series(1, 9) n;
select is_empty('table red', 'an overbooked exam is no violation');
update hubspot_sync.hubspot_contact_credits set sj_credits = 9 where hubspot_id = 'C-2';
select is_empty('table red', 'a balance changed by a direct writer is none: the ledger knows');
delete from hubspot_sync.hubspot_bookings
 where id = (select id from made where student_id = 'S-1');
select is_empty('table red', 'a booking deleted by a direct writer is none');

-- Bookings of the old application have no entry of their own in the ledger.
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, contact_id, student_id, student_email, is_active,
   token_used)
values ('B-old', 'OLD-1', 'E-2', 'C-2', 'S-2', 'bob@example.com', 'Active', 'Shared Token');
select api.cancel_booking('OLD-1');
select is_empty('table red', 'an old booking cancelled with its refund is none');

select * from finish();
rollback;
