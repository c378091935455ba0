begin;
select plan(79);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable return timestamptz '2030-01-10 12:00+00';

-- Exams: one to come, one today, one another day; students with five credits, known to HubSpot.
select applied from hubspot_sync.apply_records('hubspot_mock_exams', (
  select jsonb_agg(jsonb_build_object('id', e.id, 'updatedAt', '2030-01-01T08:00:00Z',
           'properties', jsonb_build_object(
             'mock_exam_name', e.id, 'mock_type', 'Situational Judgment', 'exam_date', e.day,
             'start_time', '18:00', 'capacity', '9', 'is_active', 'true', 'total_bookings', '0')))
    from (values ('E-1', '2030-02-01'), ('E-2', '2030-01-10'), ('E-3', '2030-03-01'))
      as e (id, day)));
select applied from hubspot_sync.apply_records('hubspot_contact_credits', (
  select jsonb_agg(jsonb_build_object('id', 'C-' || n, 'updatedAt', '2030-01-01T08:00:00Z',
           'properties', jsonb_build_object(
             'student_id', 'S-' || n, 'email', n || '@example.com', 'sj_credits', '5')))
    from generate_series(1, 9) n));

create temp table made (number integer primary key, booking_id text);
create function pg_temp.book(p_number integer, p_exam text default 'E-1') returns text
  language sql as $$
  insert into made
  select p_number, b.booking_id
    from api.create_booking(p_mock_exam_id => p_exam, p_student_id => 'S-' || p_number,
           p_email => p_number || '@example.com', p_attending_location => 'Lab') b
  returning booking_id
$$;
-- A worker sends all that is open of bookings, and is answered at a minute.
create function pg_temp.send(p_minute integer) returns text language sql as $$
  update hubspot_sync.sync_queue set next_attempt_at = hubspot_sync.clock() where not synced;
  with claimed as materialized (
    select * from hubspot_sync.claim_changes('hubspot_bookings')
  )
  select hubspot_sync.finish_changes('hubspot_bookings', jsonb_agg(jsonb_build_object(
           'record', c.record, 'epoch', c.epoch,
           'hubspot_id', coalesce(c.hubspot_id, 'B-' || m.number),
           'sent', c.properties || case when '@contact' = any (c.associate)
                     then jsonb_build_object('@contact', c.contact_hubspot_id) else '{}' end
                   || case when '@exam' = any (c.associate)
                     then jsonb_build_object('@exam', c.exam_hubspot_id) else '{}' end,
           'version', timestamptz '2030-01-10 09:00+00' + make_interval(mins => p_minute))))::text
    from claimed c
    join hubspot_sync.hubspot_bookings b on b.id = c.record
    left join made m on m.booking_id = b.booking_id
$$;
-- A booking as HubSpot has it: as we wrote it, but for what somebody edited there.
create function pg_temp.record(p_number integer, p_minute integer, p_edited jsonb default '{}',
                               p_links jsonb default null)
  returns jsonb language sql as $$
  select jsonb_build_object(
           'id', 'B-' || p_number, 'createdAt', '2030-01-10T09:00:00Z',
           'updatedAt', to_char(timestamp '2030-01-10 09:00'
             + make_interval(mins => p_minute), 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
           'properties', coalesce((
             select hubspot_sync.booking_properties(b) - '{@contact,@exam}'::text[]
               from hubspot_sync.hubspot_bookings b
               join made m on m.booking_id = b.booking_id
              where m.number = p_number), '{}') || p_edited)
         || case when p_links is null then '{}'
              else jsonb_build_object('associations', p_links) end
$$;
create function pg_temp.read(variadic p_records jsonb[]) returns text language sql as $$
  select concat_ws('/', a.applied, nullif(a.refused, '{}'), nullif(a.stale, '{}'))
    from hubspot_sync.apply_records('hubspot_bookings', to_jsonb(p_records)) a
$$;
create function pg_temp.edit(p_number integer, p_minute integer, p_edited jsonb default '{}',
                             p_links jsonb default null)
  returns text language sql as $$
  select pg_temp.read(pg_temp.record(p_number, p_minute, p_edited, p_links))
$$;
create temp view booking as
  select m.number, b.*
    from made m join hubspot_sync.hubspot_bookings b on b.booking_id = m.booking_id;
create function pg_temp.conflicts(p_number integer) returns text language sql as $$
  select string_agg(concat_ws(': ', f.field, f.decision), '; ' order by f.id)
    from hubspot_sync.sync_conflicts f join booking b on b.id = f.record
   where b.number = p_number
$$;
create function pg_temp.open(p_number integer) returns text language sql as $$
  select string_agg(concat_ws(' ', q.operation, q.new_data, q.old_data), '; ' order by q.id)
    from hubspot_sync.sync_queue q join booking b on b.id = q.record
   where b.number = p_number and not q.synced
$$;
create function pg_temp.credits(p_number integer) returns integer language sql as $$
  select c.sj_credits from hubspot_sync.hubspot_contact_credits c
   where c.student_id = 'S-' || p_number
$$;
create function pg_temp.taken(p_exam text default 'E-1') returns text language sql as $$
  select concat_ws('/', s.taken, e.total_bookings)
    from hubspot_sync.exam_seats s
    join hubspot_sync.hubspot_mock_exams e on e.id = s.exam
   where e.hubspot_id = p_exam
$$;

-- Our own, read again --------------------------------------------------------------------------
select pg_temp.book(n) from generate_series(1, 8) n;
select pg_temp.send(0);
select is(pg_temp.edit(1, 0), '1', 'our own write read again is applied');
select is(pg_temp.conflicts(1), null, 'and is no conflict');
select is(pg_temp.open(1), null, 'nor a reason to send');
select is(pg_temp.taken(), '8/8', 'eight have a seat, here and in HubSpot''s figure');

-- Cancelled there ------------------------------------------------------------------------------
select is(pg_temp.edit(1, 1, '{"is_active": "Cancelled"}'), '1',
          'a booking cancelled in HubSpot is read');
select is((select is_active from booking where number = 1), 'Cancelled', 'and cancelled here');
select is(pg_temp.credits(1), 5, 'its credit is back');
select is(pg_temp.taken(), '7/7', 'its seat is free, and HubSpot''s figure follows');
select is(pg_temp.open(1), null, 'HubSpot knows it, and is not told');
select is(pg_temp.conflicts(1), 'is_active: HubSpot''s: done as asked', 'a row tells what was done');
select row_eq(
  $$select a.event_type, a.reason, a.to_note from hubspot_sync.supabase_audit_log a
      join booking b on b.id = a.record where b.number = 1 order by a.id desc limit 1$$,
  row('cancelled'::text, 'cancelled in HubSpot'::text, false), 'the audit log tells why');
select is(pg_temp.edit(1, 1, '{"is_active": "canceled"}'), '1', 'another spelling of it');
select is(pg_temp.conflicts(1), 'is_active: HubSpot''s: done as asked', 'is nothing new');
select is(pg_temp.credits(1), 5, 'a credit goes back once');

-- Asked for what cannot be ---------------------------------------------------------------------
select is(pg_temp.edit(1, 2, '{"is_active": "Active"}'), '1', 'one made active there again');
select is((select is_active from booking where number = 1), 'Cancelled', 'stays cancelled here');
select is(pg_temp.open(1), 'resend {"is_active": null}', 'and HubSpot is told so');
select is(pg_temp.conflicts(1), 'is_active: HubSpot''s: done as asked; is_active: ours: not done,'
          ' a seat is taken by booking again', 'a row tells why');
select is(pg_temp.edit(1, 2, '{"is_active": "Active"}'), '1', 'read again before it was told');
select is(pg_temp.open(1), 'resend {"is_active": null}', 'it asks nothing twice');
select pg_temp.send(3);
select is(pg_temp.edit(1, 3), '1', 'then both are equal');
select is(pg_temp.edit(2, 1, '{"is_active": "Completed"}'), '1',
          'a booking of an exam to come cannot be completed');
select is(pg_temp.conflicts(2), 'is_active: ours: not done, the exam is yet to come', 'so it says');
select is(pg_temp.edit(2, 2, '{"is_active": "Maybe", "attendance": "Yes"}'), '1',
          'while ours is on its way nothing is asked for');
select pg_temp.send(3);
select is(pg_temp.edit(2, 4, '{"is_active": "Maybe"}'), '1', 'a status that is none');
select matches(pg_temp.conflicts(2), 'not done, Active cannot become Maybe$', 'is overwritten');
select is(pg_temp.edit(3, 1, '{"is_active": ""}'), '1', 'and so is none');
select matches(pg_temp.conflicts(3), 'not done, Active cannot become $', 'with its reason');
select is(pg_temp.edit(4, 1, '{"attendance": "Yes"}'), '1', 'attendance before the exam''s day');
select matches(pg_temp.conflicts(4), '^attendance: ours: not done, the exam of booking',
               'is overwritten');
select is(pg_temp.open(4), 'resend {"attendance": null}', 'HubSpot is told');

-- The exam's day -------------------------------------------------------------------------------
select pg_temp.send(5);
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email, sj_credits)
select 'C-' || n, 'S-' || n, n || '@example.com', 5 from generate_series(11, 14) n;
select pg_temp.book(n, 'E-2') from generate_series(11, 14) n;
select pg_temp.send(5);
select is(pg_temp.edit(11, 6, '{"attendance": "yes"}'), '1', 'who came is noted there');
select is((select attendance from booking where number = 11), 'Yes', 'and here');
select is(pg_temp.edit(11, 7, '{"attendance": "unknown"}'), '1', 'what was noted is taken back');
select is((select attendance from booking where number = 11), null, 'here as well');
select is(pg_temp.edit(12, 6, '{"attendance": "No", "is_active": "Completed"}'), '1',
          'a booking completed on its day');
select row_eq('select is_active, attendance from booking where number = 12',
              row('Completed'::text, 'No'::text), 'is completed, and marked, here');
select is(pg_temp.credits(12), 4, 'its credit is spent');
select is(pg_temp.edit(12, 7, '{"is_active": "Cancelled"}'), '1', 'to cancel it then is too late');
select matches(pg_temp.conflicts(12), 'Completed cannot become Cancelled$', 'and overwritten');
select is(pg_temp.edit(13, 6, '{"attendance": "perhaps"}'), '1', 'an attendance that is none');
select is(pg_temp.open(13), 'resend {"attendance": null}', 'is overwritten');
select is(pg_temp.edit(14, 6, '{"attendance": "Yes", "is_active": "Cancelled"}'), '1',
          'who came and is cancelled');
select row_eq('select is_active, attendance from booking where number = 14',
              row('Cancelled'::text, 'Yes'::text), 'is both, in this order');

-- Fields of one side ---------------------------------------------------------------------------
select pg_temp.send(8);
select is(pg_temp.edit(5, 9, '{"student_name": "Nobody", "mock_exam_id": "E-3",
                               "attending_location": "Hall", "dominant_hand": "Left"}'), '1',
          'edits of all kinds of fields');
select row_eq('select mock_exam_id, attending_location, dominant_hand from booking where number = 5',
              row('E-1'::text, 'Hall'::text, 'Left'::text),
              'what nobody owns is taken, what Postgres owns is not');
select is((select c.properties from hubspot_sync.claim_changes('hubspot_bookings') c
             join booking b on b.id = c.record where b.number = 5),
          '{"mock_exam_id": "E-1", "student_name": ""}', 'that alone is sent again');
select results_eq(
  $$select f.field, f.postgres_value, f.hubspot_value, f.decision
      from hubspot_sync.sync_conflicts f join booking b on b.id = f.record
     where b.number = 5 order by f.field$$,
  $$values ('mock_exam_id', 'E-1', 'E-3', 'ours: it is Postgres''s, and is sent once more'),
           ('student_name', '', 'Nobody', 'ours: it is Postgres''s, and is sent once more')$$,
  'both values are kept');
select is(pg_temp.edit(5, 9, '{"student_email": "5@EXAMPLE.com", "student_name": "Nobody",
                               "mock_exam_id": "E-3"}'), '1', 'an email''s other spelling');
select unalike(pg_temp.open(5), '%email%', 'is the same');
select pg_temp.send(10);
update hubspot_sync.hubspot_bookings set attending_location = 'Roof'
 where booking_id = (select booking_id from made where number = 5);
select is(pg_temp.edit(5, 11, '{"attending_location": "Cellar"}'), '1',
          'an edit of what is being changed here');
select is((select attending_location from booking where number = 5), 'Roof', 'loses');
select matches(pg_temp.conflicts(5), 'attending_location: ours: it is on its way from here',
               'and is noted');
select is(pg_temp.edit(5, 12), '1', 'our own write read before its acknowledgement');
select is((select count(*) from hubspot_sync.sync_conflicts where field = 'attending_location'),
          1::bigint, 'is no conflict');

-- Versions -------------------------------------------------------------------------------------
select pg_temp.send(13);
select is(pg_temp.edit(6, 20, '{"dominant_hand": "Left"}'), '1', 'a state');
select is(pg_temp.edit(6, 19, '{"dominant_hand": "Right"}'), '0/{B-6}',
          'an older one is left alone, and told');
select is((select dominant_hand from booking where number = 6), 'Left', 'nothing changes');
update hubspot_sync.hubspot_bookings set dominant_hand = 'Both'
 where booking_id = (select booking_id from made where number = 6);
create temp table late as
  select c.* from hubspot_sync.claim_changes('hubspot_bookings') c
    join booking b on b.id = c.record where b.number = 6;
select pg_temp.edit(6, 22, '{"dominant_hand": "Right"}');
select hubspot_sync.finish_changes('hubspot_bookings', jsonb_build_array(jsonb_build_object(
         'record', l.record, 'epoch', l.epoch, 'hubspot_id', 'B-6', 'sent', l.properties,
         'version', '2030-01-10T09:21:00Z'))) from late l;
select is(pg_temp.open(6), 'resend {"dominant_hand": null}',
          'an acknowledgement older than what was read is sent once more');
select is((select s.properties ->> 'dominant_hand' from hubspot_sync.sync_shadow s
             join booking b on b.id = s.record where b.number = 6), 'Right',
          'HubSpot is known to hold what was read');

-- Links ----------------------------------------------------------------------------------------
select pg_temp.send(23);
select is(pg_temp.edit(7, 24, '{}', '{"contacts": ["C-7"], "exams": ["E-1"]}'), '1',
          'a booking with its links');
select is(pg_temp.open(7), null, 'asks for nothing');
select pg_temp.edit(7, 25, '{}', '{"contacts": [], "exams": ["E-1"]}');
select is(pg_temp.open(7), 'resend {"@contact": null}', 'a link that is missing is made again');
select pg_temp.send(26);
select pg_temp.edit(7, 27, '{}', '{"contacts": ["C-7"], "exams": ["E-3", "E-1"]}');
select is(pg_temp.open(7), 'resend {} {"@exam": "E-3"}', 'one to another exam is ended');
select pg_temp.send(28);
select pg_temp.edit(7, 29, '{}', '{"contacts": ["C-1", "C-7"], "exams": ["E-1"]}');
select is(pg_temp.open(7), null, 'one more contact is left alone');
select pg_temp.edit(7, 30, '{}', '{"contacts": ["C-7"], "exams": ["E-3"]}');
select is(pg_temp.open(7), 'resend {"@exam": null}', 'and a wrong exam replaced');

-- Bookings nobody here knows -------------------------------------------------------------------
select is(pg_temp.read('{"id": "B-20", "createdAt": "2029-01-01T00:00:00Z",
  "updatedAt": "2030-01-01T00:00:00Z", "properties": {"booking_id": "OLD-20",
  "student_id": "S-9", "student_email": "9@example.com", "mock_exam_id": "E-3",
  "is_active": "active", "token_used": "Situational Judgment Token"},
  "associations": {"contacts": ["C-9"], "exams": ["E-3"]}}'::jsonb), '1',
  'a booking of another application is taken');
select row_eq(
  $$select b.is_active, b.exempt, b.exam is not null, b.contact is not null, b.contact_id,
           b.exam_date::date, b.created_at from hubspot_sync.hubspot_bookings b
     where b.booking_id = 'OLD-20'$$,
  row('Active'::text, false, true, true, 'C-9'::text, '2030-03-01'::date,
      '2029-01-01 00:00+00'::timestamptz), 'with its links');
select is(pg_temp.taken('E-3') || ' ' || pg_temp.credits(9), '1/1 5',
          'its seat counts, its credit is not spent here');
select is((select count(*) from hubspot_sync.sync_queue q
             join hubspot_sync.hubspot_bookings b on b.id = q.record
            where b.booking_id = 'OLD-20'), 0::bigint, 'nothing is sent back');
select is(pg_temp.read('{"id": "B-21", "properties": {"booking_id": "OLD-21",
  "student_id": "S-9", "student_email": "9@example.com", "mock_exam_id": "E-3",
  "is_active": "Active"}}'::jsonb), '1', 'one that breaks a rule of ours is taken, too');
select results_eq(
  $$select b.exempt, f.field from hubspot_sync.hubspot_bookings b
      join hubspot_sync.sync_conflicts f on f.record = b.id where b.booking_id = 'OLD-21'$$,
  $$values (true, 'bookings_one_active_per_exam')$$, 'as exempt, and a row names the rule');
select is(pg_temp.read('{"id": "B-22", "properties": {"booking_id": "OLD-22",
  "student_id": "S-99", "student_email": "x@example.com", "mock_exam_id": "E-99",
  "is_active": "Active"}, "associations": {"contacts": ["C-99"], "exams": ["E-99"]}}'::jsonb,
  '{"id": "B-23", "properties": {"booking_id": "OLD-23"}}'), '2',
  'a booking of nobody, and one of nothing, are taken');
select results_eq(
  $$select b.booking_id, b.exempt, b.exam is null, b.contact is null
      from hubspot_sync.hubspot_bookings b where b.booking_id in ('OLD-22', 'OLD-23') order by 1$$,
  $$values ('OLD-22', false, true, true), ('OLD-23', true, true, true)$$, 'as orphans');
select results_eq($$select hubspot_id, kind from hubspot_sync.webhook_inbox
                     where table_name = 'hubspot_mock_exams'$$,
                  $$values ('E-99', 'missing')$$, 'the exam that is missing is asked for');
select is(pg_temp.read('{"id": "B-30", "properties": {}}'::jsonb,
  '{"id": "B-31", "properties": {"booking_id": "OLD-20"}}',
  '{"id": "B-32", "properties": {"booking_id": "OLD-32", "exam_date": "soon"}}',
  '{"id": "B-33", "properties": {"booking_id": "OLD-33", "student_id": "S-8",
    "student_email": "8@example.com", "is_active": "Cancelled", "mock_exam_id": "E-3"}}'),
  '1/{"B-30": "22023: booking_id is missing", "B-31": "23505: another record of HubSpot''s has'
  ' this booking_id", "B-32": "22023: exam_date is no day: soon"}',
  'what cannot be taken is refused alone');
select is(pg_temp.read(jsonb_build_object('id', 'B-40', 'properties', jsonb_build_object(
            'booking_id', 'OLD-40', 'mock_exam_id', repeat('7', 120), 'student_id', 'S-8',
            'student_email', '8@example.com', 'is_active', 'Cancelled')),
            '{"id": "B-41", "properties": {"booking_id": "OLD-41"}}'), '2',
          'a booking for what can be no exam stops nobody');
select is_empty($$select from hubspot_sync.webhook_inbox i where length(i.hubspot_id) > 100$$,
                'and nothing is asked for');
select is_empty($$select v.name, v.sample from api.verify() v where v.violations > 0$$,
                'after all this every invariant holds');

select * from finish();
rollback;
