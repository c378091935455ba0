begin;
select plan(52);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return timestamptz '2030-01-01 12:00+00' + current_setting('test.later')::interval;
set local test.later = '0';
insert into hubspot_sync.hubspot_mock_exams (hubspot_id, mock_type, exam_date, start_time, capacity)
values ('11', 'Mini-mock', '2030-02-01', '09:00', 5), ('12', 'Mini-mock', '2029-12-25', '09:00', 5),
       ('13', 'Mini-mock', '2029-12-24', '09:00', 5);
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email)
values ('21', 'S-1', 'ann@example.com'), ('22', 'S-1', 'bob@example.com'),
       (null, 'S-3', 'cat@example.com');
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, student_id, student_email, is_active)
values ('31', 'BK-1', '11', 'S-1', 'ann@example.com', 'Active'),
       ('32', 'BK-2', '11', 'S-2', 'bob@example.com', 'Cancelled'),
       (null, 'BK-3', '11', 'S-3', 'cat@example.com', 'Active'),
       ('34', 'BK-4', '13', 'S-1', 'ann@example.com', 'Completed');
create function pg_temp.ask(p_kind text, p_id text, p_older_than interval default '60 s')
  returns text language sql as $$
  select concat_ws(' ', d.state, d.hubspot_id, d.records, cardinality(d.signals))
    from hubspot_sync.demand_records(p_kind, p_id, p_older_than) d
$$;
create temp view asked as
  select replace(i.table_name, 'hubspot_', '') || ' ' || i.hubspot_id as record, i.kind, i.lane,
         i.id
    from hubspot_sync.webhook_inbox i where i.done_at is null and i.dead_at is null;
-- All that waits is read now.
create function pg_temp.read() returns text language sql as $$
  update hubspot_sync.webhook_inbox set done_at = hubspot_sync.clock() where done_at is null;
  insert into hubspot_sync.sync_shadow (record, table_name, properties, read_at)
  select r.id, r.name, '{}', hubspot_sync.clock()
    from (select e.id, 'hubspot_mock_exams' as name from hubspot_sync.hubspot_mock_exams e
          union all select c.id, 'hubspot_contact_credits'
            from hubspot_sync.hubspot_contact_credits c where c.hubspot_id is not null
          union all select b.id, 'hubspot_bookings'
            from hubspot_sync.hubspot_bookings b where b.hubspot_id is not null) r
  on conflict (record) do update set read_at = excluded.read_at;
  select 'read';
$$;

-- Which record -------------------------------------------------------------------------------
savepoint fresh;
select is(pg_temp.ask('booking', given), 'queued 31 1 1', format('a booking by %s', given))
  from unnest(array['31', 'BK-1', ' BK-1 ',
                    (select id::text from hubspot_sync.hubspot_bookings where hubspot_id = '31'),
                    (select upper(id::text) from hubspot_sync.hubspot_bookings
                      where hubspot_id = '31')]) given;
select results_eq('select record, kind, lane from asked',
                  $$values ('bookings 31', 'demand', 'urgent')$$,
                  'however often it is asked for, it waits once, as urgent');
select is(pg_temp.ask('contact', '21'), 'queued 21 1 1', 'a contact by its HubSpot id');
select is(pg_temp.ask('contact', 'S-1'), 'queued 21 2 2', 'all contacts of a student id');
rollback to fresh;
select is(pg_temp.ask('exam', '11'), 'queued 11 3 3', 'an exam comes with its bookings');
select set_eq('select record from asked',
              $$values ('mock_exams 11'), ('bookings 31'), ('bookings 32')$$,
              'those HubSpot has, cancelled ones too');
select is(pg_temp.ask('exam', (select id::text from hubspot_sync.hubspot_mock_exams
                                where hubspot_id = '11')), 'queued 11 3 3', 'by our id as well');
rollback to fresh;
select is(pg_temp.ask(kind, id), 'unknown 0 0', format('there is no %s %s', kind, id))
  from (values ('exam', 'E-9'), ('booking', 'BK-9'), ('contact', 'S-9'), ('exam', '%'),
               ('contact', 'ann@example.com'), ('booking', '-1'), ('booking', '1.0'),
               ('exam', gen_random_uuid()::text)) t (kind, id);
select is_empty('select * from asked', 'what nobody knows is not asked for');
select is(pg_temp.ask('exam', '999'), 'queued 999 1 1', 'a number may be new in HubSpot');
select is((select record from asked), 'mock_exams 999', 'and is read');
select is(pg_temp.ask('booking', 'BK-3'), 'sending 0 0',
          'what HubSpot does not have yet cannot be read');
rollback to fresh;

-- How old ------------------------------------------------------------------------------------
select pg_temp.read();
select is(pg_temp.ask('exam', '11', '0'), 'fresh 11 0 0', 'what was just read is fresh');
select is_empty('select * from asked', 'and asks for nothing');
set local test.later = '5 s';
select is(pg_temp.ask('exam', '11', '0'), 'fresh 11 0 0', 'for five seconds, whatever is asked');
set local test.later = '5.1 s';
select is(pg_temp.ask('exam', '11', '6 s'), 'fresh 11 0 0', 'then for as long as is asked');
select row_eq(
  $$select d.age, d.read_at from hubspot_sync.demand_records('exam', '11', '6 s') d$$,
  row(5.1::double precision, timestamptz '2030-01-01 12:00+00'), 'and it is told how old it is');
select is(pg_temp.ask('exam', '11', '0'), 'queued 11 3 3', 'what is older is read');
set local test.later = '0';
select pg_temp.read();
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, student_id, student_email)
values ('35', 'BK-5', '11', 'S-5', 'dan@example.com');
select is(pg_temp.ask('exam', '11'), 'queued 11 1 1', 'of an exam only what is old is read');
select row_eq($$select read_at, age from hubspot_sync.demand_records('exam', '11', '1 min')$$,
              row(null::timestamptz, null::double precision),
              'one that never was read has no age');
set local test.later = '-1 day';
select is(pg_temp.ask('contact', '21'), 'queued 21 1 1',
          'what was read while the clock was ahead is not fresh for ever');
rollback to fresh;

-- Others wait for the same -------------------------------------------------------------------
select hubspot_sync.store_signals('hubspot_bookings', '{31}', 'demand', 'bulk');
create temp table first as select id from asked;
select is((select d.signals from hubspot_sync.demand_records('booking', '31', '60 s') d),
          (select array_agg(id) from first), 'who asks joins the signal that waits');
select is((select lane from asked), 'urgent', 'which becomes urgent');
select hubspot_sync.claim_signals('hubspot_bookings');
select is((select d.signals from hubspot_sync.demand_records('booking', '31', '60 s') d),
          (select array_agg(id) from first), 'and the read that has begun');
select is((select d.signals && (select array_agg(id) from first)
             from hubspot_sync.demand_records('booking', '31', '0') d), false,
          'unless what is read must be of now');
select is((select count(*) from asked), 2::bigint, 'then it is read once more');
set local test.later = '3 min';
select is((select d.signals && (select array_agg(id) from first)
             from hubspot_sync.demand_records('booking', '31', '60 s') d), false,
          'nobody waits for a worker that is gone');
update hubspot_sync.webhook_inbox set dead_at = now(), last_error = 'refused';
select is((select d.signals && (select array_agg(id) from first)
             from hubspot_sync.demand_records('booking', '31', '60 s') d), false,
          'or for a dead letter');
rollback to fresh;

-- What waits to be sent ----------------------------------------------------------------------
update hubspot_sync.hubspot_mock_exams set capacity = 6;
update hubspot_sync.hubspot_bookings set attending_location = 'Lab';
update hubspot_sync.sync_queue set lane = 'bulk';
select pg_temp.ask('exam', '11');
select set_eq(
  $$select distinct hubspot_sync.record_name(q.table_name, q.record)
      from hubspot_sync.sync_queue q where q.lane = 'urgent' and not q.synced$$,
  $$values ('11'), ('BK-1'), ('BK-2'), ('BK-3')$$,
  'what waits of the exam and its bookings goes first, that HubSpot has none of included');
rollback to fresh;

-- All ----------------------------------------------------------------------------------------
select is(pg_temp.ask('all', null), 'queued 6 0', 'all');
select set_eq('select record from asked',
              $$values ('mock_exams 11'), ('mock_exams 12'), ('bookings 31'), ('bookings 32'),
                       ('contact_credits 21'), ('contact_credits 22')$$,
              'are the contacts, and the exams that are not long over, with their bookings');
select is((select bool_or(lane = 'urgent') from asked), false, 'they wait behind what is urgent');
select pg_temp.read();
select is(pg_temp.ask('all', null), 'fresh 0 0', 'all may be fresh, too');
rollback to fresh;

-- Refusals -----------------------------------------------------------------------------------
select throws_ok(format('select hubspot_sync.demand_records(%s)', given), '22023', null, given)
  from unnest(array['null, null, ''0''', '''exams'', ''11'', ''0''', '''exam'', null, ''0''',
                    '''exam'', '' '', ''0''', '''exam'', ''11'', null',
                    '''exam'', ''11'', ''-1 s''', '''exam'', ''11'', ''20 years''',
                    '''exam'', repeat(''1'', 501), ''0''']) given;

select * from finish();
rollback;
