begin;
select plan(48);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return now() + current_setting('test.later')::interval;
set local test.later = '0';

create function pg_temp.exam(p_id text, p_properties jsonb) returns jsonb language sql as $$
  select jsonb_build_object('id', p_id, 'createdAt', '2029-01-01T08:00:00.000Z', 'properties',
    '{"mock_exam_name": "First", "mock_type": "Mini-mock", "mock_set": "A",
      "exam_date": "2030-02-01", "start_time": "09:00", "end_time": "11:00", "location": "Lab",
      "capacity": "5", "is_active": "true", "scheduled_activation_at": null}'::jsonb
    || p_properties)
$$;
-- A call that fails as a whole answers its SQLSTATE instead of applied/refused.
create function pg_temp.apply(variadic p_exams jsonb[]) returns text language plpgsql as $$
begin
  return (select concat_ws('/', a.applied, (select count(*) from jsonb_object_keys(a.refused)))
            from hubspot_sync.apply_records('hubspot_mock_exams', to_jsonb(p_exams)) a);
exception
  when data_exception or integrity_constraint_violation or feature_not_supported then
    return sqlstate;
end
$$;
create temp view exam as
  select e.mock_exam_name, e.mock_type, e.mock_set, e.exam_date, e.start_time, e.end_time,
         e.location, e.capacity, e.is_active, e.scheduled_activation_at
    from hubspot_sync.hubspot_mock_exams e where e.hubspot_id = 'E-1';

-- New ----------------------------------------------------------------------------------------
select is(pg_temp.apply(pg_temp.exam('E-1', '{}')), '1/0', 'an exam of HubSpot is taken');
select row_eq('table exam',
              row('First'::text, 'Mini-mock'::text, 'A'::text, '2030-02-01'::date, '09:00'::text,
                  '11:00'::text, 'Lab'::text, 5, 'true'::text, null::timestamptz),
              'with all its properties');
select row_eq(
  $$select starts_at, created_at, hubspot_last_sync_at, total_bookings
      from hubspot_sync.hubspot_mock_exams$$,
  row('2030-02-01 09:00+00'::timestamptz, '2029-01-01 08:00+00'::timestamptz, now(), 0),
  'its start, its creation there, and when it was taken');
select row_eq('select capacity, taken, is_open from hubspot_sync.exam_seats', row(5, 0, true),
              'and its counter');
select is((select count(*) from hubspot_sync.sync_queue), 0::bigint, 'nothing is sent back');

-- Changed there ------------------------------------------------------------------------------
select is(pg_temp.apply(pg_temp.exam('E-1', '{"capacity": "7", "location": "Hall",
                                              "is_active": "false", "start_time": "10:00"}')),
          '1/0', 'a changed exam is taken');
select row_eq('select capacity, location, is_active, start_time from exam',
              row(7, 'Hall'::text, 'false'::text, '10:00'::text), 'with what changed');
select row_eq('select capacity, is_open from hubspot_sync.exam_seats', row(7, false),
              'its counter follows');
select is((select starts_at from hubspot_sync.hubspot_mock_exams), '2030-02-01 10:00+00',
          'and its start');
select is((select count(*) from hubspot_sync.sync_queue), 0::bigint,
          'what HubSpot changed is not sent back');
select is((select created_at from hubspot_sync.hubspot_mock_exams), '2029-01-01 08:00+00',
          'its creation stays');

create temp table audited as select count(*) from hubspot_sync.supabase_audit_log;
select is(pg_temp.apply(pg_temp.exam('E-1', '{"capacity": "7", "location": "Hall",
                                              "is_active": "false", "start_time": "10:00"}')),
          '1/0', 'the same exam may come again');
select results_eq('select count(*) from hubspot_sync.supabase_audit_log', 'table audited',
                  'the same exam is no change');

-- HubSpot answers what it holds in its own spelling.
select pg_temp.apply(pg_temp.exam('E-1', '{"capacity": "7", "location": null,
                                           "is_active": "false", "start_time": "10:00"}'));
select is((select location from exam), null, 'a property HubSpot cleared is cleared');
select results_eq('select new_data from hubspot_sync.sync_queue', array[]::jsonb[],
                  'a property HubSpot cleared is not sent back');
delete from hubspot_sync.sync_queue;
select pg_temp.apply(pg_temp.exam(
  'E-1', '{"scheduled_activation_at": "2030-01-01T09:30:00.000Z"}'));
select is((select scheduled_activation_at from exam), '2030-01-01 09:30+00',
          'a moment is read as HubSpot writes it, with milliseconds');
select results_eq('select new_data from hubspot_sync.sync_queue', array[]::jsonb[],
                  'a moment HubSpot has is not sent back in another spelling');
delete from hubspot_sync.sync_queue;
select pg_temp.apply(pg_temp.exam('E-1', '{"capacity": "12.0", "is_active": "Yes"}'));
select row_eq('select capacity, is_active from exam', row(12, 'true'::text),
              'numbers and states may be spelled oddly');
select results_eq('select new_data from hubspot_sync.sync_queue', array[]::jsonb[],
                  'a number HubSpot has is not sent back in another spelling');
delete from hubspot_sync.sync_queue;
select pg_temp.apply(pg_temp.exam('E-1', '{"capacity": ""}'));
select is((select capacity from exam), 0, 'an exam without a capacity has no seats');
select results_eq('select new_data from hubspot_sync.sync_queue', array[]::jsonb[],
                  'a capacity HubSpot does not have is not made up there');
delete from hubspot_sync.sync_queue;

-- A change made here -------------------------------------------------------------------------
select pg_temp.apply(pg_temp.exam('E-1', '{"capacity": "5", "location": "Lab"}'));
delete from hubspot_sync.sync_queue;
select api.set_exam_capacity('E-1', 9);
set local test.later = '1 minute';
select is(pg_temp.apply(pg_temp.exam('E-1', '{"capacity": "5", "location": "Hall"}')), '1/0',
          'HubSpot may tell of other changes meanwhile');
select row_eq('select capacity, location from exam', row(9, 'Hall'::text),
              'a change made here is protected until HubSpot has it, other fields follow');
select results_eq($$select new_data from hubspot_sync.sync_queue where new_data ? 'capacity'$$,
                  array['{"capacity": "9"}'::jsonb], 'and still goes out');
create temp table claimed as select * from hubspot_sync.claim_changes('hubspot_mock_exams');
select pg_temp.apply(pg_temp.exam('E-1', '{"capacity": "5", "location": "Hall"}'));
select is((select capacity from exam), 9, 'also while it is on its way');
select hubspot_sync.finish_changes('hubspot_mock_exams',
  (select jsonb_agg(jsonb_build_object('record', record, 'epoch', epoch)) from claimed));
select pg_temp.apply(pg_temp.exam('E-1', '{"capacity": "6", "location": "Hall"}'));
select is((select capacity from exam), 6, 'once HubSpot has it HubSpot''s later value holds');

-- Bookings that were here first --------------------------------------------------------------
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, student_id, student_email, is_active)
values ('B-1', '1', 'E-late', 'S-1', '1@example.com', 'Active'),
       ('B-2', '2', 'E-late', 'S-2', '2@example.com', 'Active'),
       ('B-3', '3', 'E-am', 'S-3', '3@example.com', 'Active'),
       ('B-4', '4', 'E-pm', 'S-3', '3@example.com', 'Active');
set local test.later = '2 minutes';
delete from hubspot_sync.sync_queue;
select is(pg_temp.apply(pg_temp.exam('E-late', '{"capacity": "1"}')), '1/0',
          'an exam may come after its bookings');
select row_eq(
  $$select s.capacity, s.taken from hubspot_sync.exam_seats s
      join hubspot_sync.hubspot_mock_exams e on e.id = s.exam where e.hubspot_id = 'E-late'$$,
  row(1, 2), 'they are counted, even too many');
select results_eq(
  $$select distinct new_data ->> '@exam' from hubspot_sync.sync_queue
     where table_name = 'hubspot_bookings'$$,
  array['E-late'], 'and their link goes out');

-- What cannot be read is refused alone -------------------------------------------------------
select is(pg_temp.apply(pg_temp.exam(b.id, b.properties::jsonb), pg_temp.exam('E-1', '{}')),
          '1/1', b.fact)
  from (values
    ('X-1', '{"capacity": "many"}', 'an unreadable capacity is refused alone'),
    ('X-2', '{"capacity": "99999999999"}', 'a capacity out of range is refused alone'),
    ('X-3', '{"capacity": "NaN"}', 'a capacity that is no number is refused alone'),
    ('X-4', '{"exam_date": "next week"}', 'an unreadable date is refused alone'),
    ('X-5', '{"exam_date": "2030-02-30"}', 'a day that does not exist is refused alone'),
    ('X-6', '{"scheduled_activation_at": "soon"}', 'an unreadable moment is refused alone'),
    ('X-7', '{"scheduled_activation_at": "2030-01-01 09:00 Nowhere/City"}',
     'a moment in an unknown time zone is refused alone'),
    ('X-8', '{"capacity": "-1"}', 'a negative capacity is refused alone'),
    (null, '{}', 'an exam without an id is refused alone')
  ) as b (id, properties, fact);
select is((select count(*) from hubspot_sync.hubspot_mock_exams where hubspot_id like 'X-%'),
          0::bigint, 'nothing of them is taken');
select matches(
  (select error_message from hubspot_sync.sync_errors where hubspot_id = 'X-1'), '^22023: ',
  'each is noted with its code');
select matches(
  (select error_message from hubspot_sync.sync_errors where hubspot_id = 'X-8'), '^MBCAP: ',
  'a negative capacity has a code of its own');
select row_eq(
  $$select direction, entity, record, resolved_at from hubspot_sync.sync_errors
     where hubspot_id = 'X-4'$$,
  row('hubspot_to_supabase'::text, 'hubspot_mock_exams'::text, null::uuid, null::timestamptz),
  'as an open error of what came from HubSpot');
select is(pg_temp.apply(pg_temp.exam('E-am', '{}'), pg_temp.exam('E-pm', '{}')), '2/0',
          'exams whose early bookings break the rule of one a day are taken');
select is(pg_temp.apply(
            jsonb_set(pg_temp.exam('X-9', '{}'), '{createdAt}', '"yesterday, or so"'),
            pg_temp.exam('E-1', '{}')), '1/1',
          'an unreadable creation is refused alone');

-- Healed -------------------------------------------------------------------------------------
select is(pg_temp.apply(pg_temp.exam('X-1', '{"capacity": "3"}')), '1/0',
          'an exam that was corrected is taken');
select isnt((select resolved_at from hubspot_sync.sync_errors where hubspot_id = 'X-1'), null,
            'that resolves its error');

-- A number HubSpot cannot have meant for an exam we know leaves it as it is.
select pg_temp.apply(pg_temp.exam('E-1', '{"capacity": "-5", "location": "Roof"}'));
select row_eq('select capacity, location from exam', row(5, 'Lab'::text),
              'an exam that is refused stays as it is');

-- Nothing ------------------------------------------------------------------------------------
select is((select concat_ws('/', applied, (select count(*) from jsonb_object_keys(refused))) from hubspot_sync.apply_records('hubspot_mock_exams', '[]')), '0/0',
          'no exams are none');

select * from finish();
rollback;
