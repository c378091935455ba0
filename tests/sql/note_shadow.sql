begin;
select plan(8);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return now() + current_setting('test.later')::interval;
set local test.later = '0';
create function pg_temp.id(p_number integer) returns uuid language sql immutable as
  $$select ('00000000-0000-4000-8000-' || lpad(p_number::text, 12, '0'))::uuid$$;
create function pg_temp.note(p_records jsonb) returns text language plpgsql as $$
begin
  perform hubspot_sync.note_shadow('hubspot_bookings', p_records);
  return 'noted';
end
$$;
create temp view shadow as
  select right(s.record::text, 1)::integer as number, s.table_name, s.properties, s.updated_at
    from hubspot_sync.sync_shadow s order by 1;

select pg_temp.note(jsonb_build_array(
  jsonb_build_object('record', pg_temp.id(1), 'properties', '{"a": "1", "b": "2"}'::jsonb),
  jsonb_build_object('record', pg_temp.id(2), 'properties', '{"a": "9"}'::jsonb)));
select results_eq('select number, table_name, properties, updated_at from shadow',
                  $$values (1, 'hubspot_bookings', '{"a": "1", "b": "2"}'::jsonb, now()),
                           (2, 'hubspot_bookings', '{"a": "9"}'::jsonb, now())$$,
                  'what HubSpot holds is noted, a row a record');

set local test.later = '1 hour';
select pg_temp.note(jsonb_build_array(
  jsonb_build_object('record', pg_temp.id(1), 'properties', '{"b": "3", "c": ""}'::jsonb)));
select is((select properties from shadow where number = 1), '{"a": "1", "b": "3", "c": ""}'::jsonb,
          'a later note adds and replaces, and forgets nothing');
select is((select updated_at from shadow where number = 1), now() + interval '1 hour',
          'with its time');
select is((select properties from shadow where number = 2), '{"a": "9"}'::jsonb,
          'other records stay');

set local test.later = '2 hours';
select pg_temp.note(jsonb_build_array(
  jsonb_build_object('record', pg_temp.id(1), 'properties', '{"b": "3"}'::jsonb)));
select is((select updated_at from shadow where number = 1), now() + interval '1 hour',
          'what is known already is not written again');
select lives_ok($$select hubspot_sync.note_shadow('hubspot_bookings', null)$$,
                'nothing to note is noted');
select lives_ok($$select hubspot_sync.note_shadow('hubspot_bookings', '[]')$$,
                'nor is an empty list');
select is((select count(*) from shadow), 2::bigint, 'neither makes a row');

select * from finish();
rollback;
