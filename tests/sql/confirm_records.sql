begin;
select plan(26);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable return '2030-01-01 12:00+00'::timestamptz;
insert into hubspot_sync.hubspot_mock_exams (hubspot_id, capacity, location, mock_type)
values ('11', 3, 'Leeds', 'Mini-mock');
insert into hubspot_sync.hubspot_contact_credits
  (hubspot_id, student_id, email, lastname, sj_credits)
values ('13', 'S-13', 'Ada@Example.com', 'Ada', 4);
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, contact_id, student_id, student_email, is_active)
values ('14', 'BK-14', '11', '13', 'S-13', 'ada@example.com', 'Cancelled');
insert into hubspot_sync.sync_shadow (record, table_name, properties, version, read_version, seen)
select e.id, 'hubspot_mock_exams', hubspot_sync.exam_properties(e), '2030-01-01 10:00+00'::timestamptz,
       '2030-01-01 09:00+00'::timestamptz, null::jsonb
  from hubspot_sync.hubspot_mock_exams e
union all
select c.id, 'hubspot_contact_credits', hubspot_sync.contact_properties(c), '2030-01-01 10:00+00',
       '2030-01-01 09:00+00', '{"sj_credits": "2030-01-01T10:00:00Z"}'
  from hubspot_sync.hubspot_contact_credits c
union all
select b.id, 'hubspot_bookings', hubspot_sync.booking_properties(b), '2030-01-01 10:00+00',
       '2030-01-01 09:00+00', null
  from hubspot_sync.hubspot_bookings b;
create temp table kept as table hubspot_sync.sync_shadow;

-- Whether a record is confirmed; nothing of it stays.
create function pg_temp.confirmed(p_table text, p_record jsonb) returns boolean language plpgsql as $$
declare
  v_answer boolean;
begin
  begin
    v_answer := hubspot_sync.confirm_records(
      'hubspot_' || p_table, jsonb_build_array(p_record)) <> '{}';
    raise exception sqlstate 'MBTST';
  exception when sqlstate 'MBTST' then
    return v_answer;
  end;
end;
$$;
create function pg_temp.exam(p_properties jsonb, p_at text default '2030-01-01T10:00:00Z')
  returns boolean language sql as $$
  select pg_temp.confirmed('mock_exams', jsonb_build_object(
    'id', '11', 'properties', p_properties, 'updatedAt', p_at))
$$;
create function pg_temp.contact(p_properties jsonb, p_more jsonb default '{}')
  returns boolean language sql as $$
  select pg_temp.confirmed('contact_credits', jsonb_build_object(
    'id', '13', 'properties', p_properties, 'updatedAt', '2030-01-01T10:00:00Z') || p_more)
$$;
create function pg_temp.history(p_at text) returns jsonb language sql as $$
  select jsonb_build_object('propertiesWithHistory', jsonb_build_object('sj_credits',
    jsonb_build_array(jsonb_build_object('value', '4', 'timestamp', p_at))))
$$;
create function pg_temp.booking(p_more jsonb) returns boolean language sql as $$
  select pg_temp.confirmed('bookings', jsonb_build_object(
    'id', '14', 'properties', '{"is_active": "Cancelled"}'::jsonb,
    'updatedAt', '2030-01-01T10:00:00Z') || p_more)
$$;

-- Values --------------------------------------------------------------------------------------
select is(pg_temp.exam('{"location": "Leeds", "capacity": "3"}'), true,
          'what is as here and as it was known is confirmed');
select is(pg_temp.exam('{"location": "York", "capacity": "3"}'), false, 'an edit there is not');
update hubspot_sync.hubspot_mock_exams set location = 'York';
select is(pg_temp.exam('{"location": "York"}'), false, 'the same edit on both sides neither');
select is(pg_temp.exam('{"location": "Leeds"}'), false, 'nor an edit here');
update hubspot_sync.hubspot_mock_exams set location = 'Leeds';
select is(pg_temp.exam('{"location": "Leeds"}', '2030-01-01T09:59:59Z'), false,
          'what is older than known is left');
select is(pg_temp.exam('{"location": "Leeds"}', 'never'), false, 'and what cannot be read');
select is(pg_temp.exam('{"capacity": "many"}'), false, 'whatever it is');
select is(pg_temp.confirmed('mock_exams', '{"id": "99", "properties": {}}'), false,
          'one that is not here is left');
select is(pg_temp.contact('{"email": "ada@example.com", "lastname": "Ada"}'), true,
          'HubSpot''s spelling of an email is ours');

-- What could be more --------------------------------------------------------------------------
select is(pg_temp.contact('{"sj_credits": "4"}', pg_temp.history('2030-01-01T10:00:00Z')), true,
          'a history that was read to its end is confirmed');
select is(pg_temp.contact('{"sj_credits": "4"}', pg_temp.history('2030-01-01T10:00:01Z')), false,
          'one with another entry is not, though the balance is the same');
select is(pg_temp.contact('{"sj_credits": "4"}', pg_temp.history('soon')), false,
          'nor one that cannot be read');
update hubspot_sync.sync_shadow set seen = null;
select is(pg_temp.contact('{"sj_credits": "4"}', pg_temp.history('2030-01-01T10:00:00Z')), false,
          'nor one that was never read');
select is(pg_temp.contact('{"lastname": "Ada", "hs_merged_object_ids": "7"}'), false,
          'a contact that took in another is left');
select is(pg_temp.contact('{"lastname": "Ada"}', '{"asked": ["7"]}'), false,
          'and one that was found under another id');
select is(pg_temp.contact('{"lastname": "Ada"}', '{"asked": ["13"]}'), true, 'but not under its own');
select is(pg_temp.booking('{}'), true, 'a booking is confirmed');
select is(pg_temp.booking('{"associations": {"contacts": ["13", "5"], "exams": ["11"]}}'), true,
          'with its links');
select is(pg_temp.booking('{"associations": {"contacts": ["5"], "exams": ["11"]}}'), false,
          'not without that to its contact');
select is(pg_temp.booking('{"associations": {"contacts": ["13"], "exams": ["11", "12"]}}'), false,
          'nor with another exam');
update hubspot_sync.sync_shadow set let_be = '{location}';
select is(pg_temp.exam('{"location": "Leeds"}'), false, 'what somebody let be is left');
update hubspot_sync.sync_shadow set let_be = '{}', properties = properties || '{"@archived": "true"}';
select is(pg_temp.exam('{"location": "Leeds"}'), false, 'and what counts as deleted');
update hubspot_sync.sync_shadow s set properties = k.properties from kept k where k.record = s.record;
update hubspot_sync.hubspot_bookings set deleted_at = hubspot_sync.clock();
select is(pg_temp.booking('{}'), false, 'here or there');

-- What is noted -------------------------------------------------------------------------------
select is(hubspot_sync.confirm_records('hubspot_mock_exams',
            '[{"id": "11", "properties": {"location": "Leeds"}, "updatedAt": "2030-01-01T11:00:00Z"},
              {"id": "99", "properties": {}, "updatedAt": "2030-01-01T11:00:00Z"}]'), '{11}',
          'who was confirmed is answered');
select row_eq($$select s.version, s.read_version, s.read_at from hubspot_sync.sync_shadow s
                 where s.table_name = 'hubspot_mock_exams'$$,
              row('2030-01-01 11:00+00'::timestamptz, '2030-01-01 11:00+00'::timestamptz,
                  hubspot_sync.clock()), 'and counts as read');
do $$begin perform hubspot_sync.confirm_records('hubspot_contact_credits',
  '[{"id": "13", "properties": {"lastname": "Ada"}, "updatedAt": "2030-01-01T11:00:00Z"}]'); end$$;
select row_eq($$select s.version, s.read_version, s.read_at from hubspot_sync.sync_shadow s
                 where s.table_name = 'hubspot_contact_credits'$$,
              row('2030-01-01 11:00+00'::timestamptz, '2030-01-01 09:00+00'::timestamptz,
                  null::timestamptz), 'a contact without its history counts as seen, not as read');

select * from finish();
rollback;
