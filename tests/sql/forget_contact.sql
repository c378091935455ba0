begin;
select plan(18);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable return timestamptz '2030-01-10 12:00+00';

-- Every row of every table as text, but for what only says what is where.
create function pg_temp.dump() returns table (place text, line text) language plpgsql as $$
declare
  v_table text;
begin
  for v_table in
    select format('%I.%I', n.nspname, c.relname)
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'hubspot_sync' and c.relkind in ('r', 'p', 'm')
       and c.relispopulated
  loop
    return query execute format('select %L, t::text from %s t', v_table, v_table);
  end loop;
end
$$;
create function pg_temp.named() returns table (place text, line text) language sql as $$
  select d.place, d.line from pg_temp.dump() d
   where d.line ~* 'ann@|anna@|STUDENT-1|STUDENT-2|Annabel|Leeson|C-4711|C-4712|left-handed|Attic'
$$;

insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_exam_name, mock_type, exam_date, start_time, capacity, is_active)
select 'E-' || n, 'Exam', 'Situational Judgment', date '2030-02-01' + n, '10:00', 9, 'true'
  from generate_series(1, 4) n;
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email, sj_credits)
values ('C-1', 'S-1', 'bob@example.com', 5);
select applied from hubspot_sync.apply_records('hubspot_contact_credits', '[
  {"id": "C-4711", "properties": {"student_id": "STUDENT-1", "email": "Ann@example.com",
   "firstname": "Annabel", "lastname": "Leeson", "sj_credits": "5"}},
  {"id": "C-4712", "properties": {"student_id": "STUDENT-2", "email": "anna@example.com",
   "sj_credits": "5"}}]');
-- They book, are granted a credit, cancel; what they did is logged, queued, sent, refused, noted.
select set_config('request.jwt.claims', '{"email": "ann@example.com"}', true);
select b.booking_id
  from api.create_booking(p_mock_exam_id => 'E-1', p_student_id => 'STUDENT-1',
         p_email => 'ann@example.com', p_idempotency_key => 'ann@example.com E-1',
         p_attending_location => 'Attic', p_dominant_hand => 'left-handed') b;
select b.booking_id
  from api.create_booking(p_mock_exam_id => 'E-1', p_student_id => 'STUDENT-2',
         p_email => 'anna@example.com') b;
select b.booking_id
  from api.create_booking(p_mock_exam_id => 'E-2', p_student_id => 'STUDENT-1',
         p_email => 'ann@example.com') b;
select (api.cancel_booking(b.booking_id, 'Annabel is ill')).booking_id
  from hubspot_sync.hubspot_bookings b where b.mock_exam_id = 'E-2';
select (api.grant_credits(p_student_id => 'STUDENT-1', p_email => 'ann@example.com',
          p_credit => 'sj_credits', p_amount => 1, p_reason => 'for Annabel',
          p_idempotency_key => 'grant STUDENT-1')).id;
select set_config('request.jwt.claims', '', true);
select b.booking_id
  from api.create_booking(p_mock_exam_id => 'E-3', p_student_id => 'S-1',
         p_email => 'bob@example.com') b;
update hubspot_sync.hubspot_bookings set student_name = 'Annabel L.' where mock_exam_id = 'E-1';
create temp table claimed as select * from hubspot_sync.claim_changes('hubspot_bookings');
select hubspot_sync.finish_changes('hubspot_bookings', (
  select jsonb_agg(jsonb_build_object('record', c.record, 'epoch', c.epoch,
           'hubspot_id', 'B-' || b.mock_exam_id || right(b.student_id, 1), 'sent', c.properties))
    from claimed c join hubspot_sync.hubspot_bookings b on b.id = c.record));
update hubspot_sync.hubspot_bookings set attending_location = 'Attic 2'
 where student_id = 'STUDENT-1' and mock_exam_id = 'E-1';
create temp table contacts as select * from hubspot_sync.claim_changes('hubspot_contact_credits');
select hubspot_sync.fail_changes('hubspot_contact_credits', (
  select jsonb_agg(jsonb_build_object('record', c.record, 'epoch', c.epoch,
           'error', c.unique_value || ' is no student', 'permanent', true)) from contacts c));
select hubspot_sync.write_notes('bulk');
select hubspot_sync.append_events(1000);
insert into hubspot_sync.webhook_inbox (table_name, hubspot_id, kind, event, last_error)
values ('hubspot_contact_credits', 'C-4711', 'propertyChange',
        '{"propertyName": "email", "propertyValue": "ann@example.com"}', 'ann@example.com'),
       ('hubspot_contact_credits', 'C-4712', 'propertyChange',
        '{"propertyName": "email", "propertyValue": "anna@example.com"}', 'anna@example.com'),
       ('hubspot_bookings', 'B-E-11', 'propertyChange',
        '{"propertyName": "student_name", "propertyValue": "Annabel"}', null);
insert into hubspot_sync.sync_conflicts (entity, record, field, postgres_value, decision)
select 'hubspot_bookings', b.id, 'student_name', 'Annabel', 'ours'
  from hubspot_sync.hubspot_bookings b where b.mock_exam_id = 'E-1';
insert into hubspot_sync.migration_findings (table_name, record, finding, old_value)
select 'hubspot_bookings', b.id, 'email', 'ann@example.com'
  from hubspot_sync.hubspot_bookings b where b.mock_exam_id = 'E-1';
select count(*) from hubspot_sync.note_inbound_error('hubspot_contact_credits', 'C-4711', 'ann@example.com');
select count(*) from hubspot_sync.note_inbound_error('hubspot_contact_credits', 'C-4712', 'anna@example.com');
-- The two become one, and one change is in a worker's hands.
select applied from hubspot_sync.apply_records('hubspot_contact_credits', '[
  {"id": "C-4711", "properties": {"student_id": "STUDENT-1", "email": "Ann@example.com",
   "firstname": "Annabel", "lastname": "Leeson", "hs_merged_object_ids": "C-4712"}}]');
update hubspot_sync.hubspot_contact_credits set lastname = 'Leeson-Leeson'
 where hubspot_id = 'C-4711';
create temp table late as
  select * from hubspot_sync.claim_changes('hubspot_contact_credits') c
   where c.hubspot_id = 'C-4711';
create temp table before as
  select c.id, c.sj_credits,
         (select count(*) from hubspot_sync.credit_ledger) as entries,
         (select count(*) from hubspot_sync.supabase_audit_log) as audited,
         (select count(*) from hubspot_sync.event_log) as events
    from hubspot_sync.hubspot_contact_credits c where c.hubspot_id = 'C-4711';

-- What there is to forget ----------------------------------------------------------------------
select set_has(
  'select distinct replace(place, ''hubspot_sync.'', '''') from pg_temp.named()',
  $$values ('credit_ledger'), ('event_log'), ('hubspot_bookings'), ('hubspot_contact_credits'),
           ('migration_findings'), ('supabase_audit_log'), ('sync_conflicts'), ('sync_errors'),
           ('sync_notes'), ('sync_queue'), ('sync_shadow'), ('webhook_inbox')$$,
  'many tables name a person');

-- Forgotten ------------------------------------------------------------------------------------
select is(hubspot_sync.apply_gone('hubspot_contact_credits', '[{"id": "C-4711", "privacy": true}]'),
          '{}', 'a person asks to be forgotten');
-- HubSpot's id alone stays where the inbox remembers what it was told.
select is_empty(
  $$select * from pg_temp.named()
     where place not in ('hubspot_sync.webhook_inbox', 'hubspot_sync.sync_errors')
        or line ~* 'ann@|anna@|STUDENT-|Annabel|Leeson'$$,
  'nothing names them any more, nor who was merged into them');
select row_eq(
  $$select c.firstname, c.lastname, c.hubspot_id, c.deleted_at is not null, c.sj_credits = b.sj_credits
      from hubspot_sync.hubspot_contact_credits c join before b on b.id = c.id$$,
  row(null::text, null::text, null::text, true, true), 'the contact stays, of nobody');
select results_eq(
  $$select b.mock_exam_id, b.is_active, b.exempt from hubspot_sync.hubspot_bookings b
     where b.student_id like 'forgotten-%' order by 1, 3$$,
  $$values ('E-1', 'Active', false), ('E-1', 'Active', true), ('E-2', 'Cancelled', false)$$,
  'and so do the bookings');
select row_eq(
  $$select (select count(*) from hubspot_sync.credit_ledger) = b.entries,
           (select count(*) from hubspot_sync.supabase_audit_log) > b.audited,
           (select count(*) from hubspot_sync.event_log) = b.events from before b$$,
  row(true, true, true), 'ledger, audit log and event log lose no row');
select results_eq(
  $$select distinct b.student_name, b.student_email from hubspot_sync.hubspot_bookings b
     where b.mock_exam_id = 'E-3'$$, $$values (null, 'bob@example.com')$$, 'others stay as they are');
select is((select count(*) from hubspot_sync.supabase_audit_log a where a.actor = 'forgotten') > 0,
          true, 'what they did is nobody''s doing');
select throws_ok('update hubspot_sync.credit_ledger set note = null', 'MBAPP', null,
                 'the ledger is append-only again');
select throws_ok('update hubspot_sync.event_log set event_type = ''x''', 'MBAPP', null,
                 'and so is the event log');

-- What is on its way ---------------------------------------------------------------------------
select is(hubspot_sync.finish_changes('hubspot_contact_credits', (
            select jsonb_agg(jsonb_build_object('record', l.record, 'epoch', l.epoch,
                     'hubspot_id', 'C-4711', 'sent', l.properties)) from late l)), 0,
          'a late acknowledgement counts for nothing');
select is_empty(
  $$select * from hubspot_sync.sync_queue q join before b on b.id = q.record where not q.synced$$,
  'and nothing of the contact is sent');
select is((select c.hubspot_id from hubspot_sync.hubspot_contact_credits c
             join before b on b.id = c.id), null, 'nor does it get an id again');
-- HubSpot still names them in its bookings until what is here was sent.
select is((hubspot_sync.apply_records('hubspot_bookings', (
            select jsonb_agg(jsonb_build_object('id', b.hubspot_id,
                     'updatedAt', '2030-01-10T12:00:00Z', 'properties', jsonb_build_object(
                       'booking_id', b.booking_id, 'student_id', 'STUDENT-1',
                       'student_email', 'ann@example.com', 'student_name', 'Annabel Leeson',
                       'attending_location', 'Attic', 'is_active', b.is_active)))
              from hubspot_sync.hubspot_bookings b
             where b.student_id like 'forgotten-%' and b.hubspot_id is not null))).applied > 0,
          true, 'a booking of theirs is read that HubSpot has not forgotten');
select is_empty(
  $$select * from pg_temp.named()
     where place not in ('hubspot_sync.webhook_inbox', 'hubspot_sync.sync_errors')
        or line ~* 'ann@|anna@|STUDENT-|Annabel|Leeson'$$, 'which names them nowhere here');
update hubspot_sync.sync_queue set next_attempt_at = hubspot_sync.clock() where not synced;
select is_empty(
  $$select c.properties from hubspot_sync.claim_changes('hubspot_bookings') c
      join hubspot_sync.hubspot_bookings b on b.id = c.record
     where b.student_id like 'forgotten-%'
       and not c.properties @> jsonb_build_object('student_id', b.student_id,
             'student_email', b.student_email, 'student_name', '')$$,
  'HubSpot is told to forget who booked');
select results_eq($$select c.student_id from hubspot_sync.claim_changes('sync_notes') q
                      left join hubspot_sync.sync_notes n on n.id = q.record
                      left join hubspot_sync.hubspot_contact_credits c on c.id = n.contact$$,
                  $$values ('S-1')$$, 'only others'' notes are left to send');
select is_empty($$select v.name, v.sample from api.verify() v where v.violations > 0$$,
                'after all this every invariant holds');

select * from finish();
rollback;
