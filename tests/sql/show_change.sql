begin;
select plan(21);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return now() + current_setting('test.later')::interval;
set local test.later = '0';
create function pg_temp.id(p_number integer) returns uuid language sql immutable as
  $$select ('00000000-0000-4000-8000-' || lpad(p_number::text, 12, '0'))::uuid$$;
insert into hubspot_sync.hubspot_mock_exams (id, hubspot_id, exam_date, capacity)
values (pg_temp.id(1), '4711', '2030-02-01', 3);
insert into hubspot_sync.hubspot_contact_credits (id, hubspot_id, student_id, email)
values (pg_temp.id(2), 'C-2', 'S-2', 'ann@example.com'),
       (pg_temp.id(3), 'C-3', 'S-3', 'ben@example.com'),
       (pg_temp.id(4), 'C-4', 'S-3', 'ben@example.net');
insert into hubspot_sync.hubspot_bookings
  (id, hubspot_id, booking_id, mock_exam_id, student_id, student_email)
values (pg_temp.id(5), 'B-5', 'BK-5', '4711', 'S-2', 'ann@example.com');
delete from hubspot_sync.sync_queue;
insert into hubspot_sync.sync_shadow (record, table_name, properties, updated_at)
select pg_temp.id(5), 'hubspot_bookings',
       hubspot_sync.record_properties('hubspot_bookings', pg_temp.id(5)), now() - interval '1 day';
update hubspot_sync.hubspot_bookings set attendance = 'Yes';
update hubspot_sync.sync_queue
   set dead_at = now(), sync_attempts = 3, last_error = 'bad [red] value',
       history = '[{"at": "2030-01-01", "attempt": 3, "error": "bad [red] value"}]';
insert into hubspot_sync.sync_queue (table_name, record, operation, synced, synced_at, new_data)
select 'hubspot_bookings', pg_temp.id(5), 'update', true, now(), jsonb_build_object('n', n)
  from generate_series(1, 25) n;
insert into hubspot_sync.sync_errors (direction, entity, record, error_message, retry_count,
                                      resolved_at)
values ('supabase_to_hubspot', 'hubspot_bookings', pg_temp.id(5), 'bad [red] value', 3, null),
       ('supabase_to_hubspot', 'hubspot_bookings', pg_temp.id(5), 'old', 3, now());
insert into hubspot_sync.sync_errors (direction, entity, hubspot_id, error_message)
values ('hubspot_to_supabase', 'hubspot_bookings', 'B-5', 'unreadable');
insert into hubspot_sync.sync_conflicts (entity, record, field, postgres_value, hubspot_value,
                                         decision)
values ('hubspot_bookings', pg_temp.id(5), 'attendance', 'Yes', 'No', 'ours');
create temp table shown as
  select hubspot_sync.show_change(p_name => 'BK-5') as told;

select row_eq($$select told ->> 'table', told ->> 'record', told ->> 'name', told ->> 'hubspot_id',
                       told ->> 'deleted' from shown$$,
              row('hubspot_bookings'::text, pg_temp.id(5)::text, 'BK-5'::text, 'B-5'::text,
                  'false'::text), 'a booking is found by its booking_id');
select is((select told -> 'changes' -> 0 ->> 'state' from shown), 'dead',
          'its open changes come with their state');
select is((select told -> 'changes' -> 0 -> 'history' -> 0 ->> 'error' from shown),
          'bad [red] value', 'and their history');
select is((select jsonb_array_length(told -> 'changes') from shown), 21,
          'of those that were sent the last twenty');
select is((select told #>> '{changes,20,new_data,n}' from shown), '25', 'up to the newest');
select is((select told -> 'differs' from shown),
          '[{"property": "attendance", "hubspot": "", "postgres": "Yes"}]',
          'where HubSpot differs is told with both values');
select is((select told -> 'in_hubspot' ->> 'student_id' from shown), 'S-2',
          'and what HubSpot is known to hold');
select is((select jsonb_path_query_array(told, '$.errors[*].error') from shown),
          '["bad [red] value", "unreadable"]',
          'open errors of both directions are told, resolved ones are not');
select is((select told #>> '{conflicts,0,decision}' from shown), 'ours', 'and conflicts');
select is(hubspot_sync.show_change(p_record => pg_temp.id(5)), (table shown),
          'the record''s uuid shows the same');
select is(hubspot_sync.show_change((select min(id) from hubspot_sync.sync_queue)), (table shown),
          'so does any of its changes');

-- Other records
select is(hubspot_sync.show_change(p_name => '4711') ->> 'record', pg_temp.id(1)::text,
          'an exam is found by its HubSpot id');
select row_eq($$select t ->> 'record', t -> 'changes', t -> 'in_hubspot'
                  from hubspot_sync.show_change(p_name => 'S-2') t$$,
              row(pg_temp.id(2)::text, '[]'::jsonb, 'null'::jsonb),
              'a contact by its student_id; one without changes has none');
select ok((select jsonb_array_length(hubspot_sync.show_change(p_name => 'S-2') -> 'differs') > 5),
          'where nothing is known of HubSpot, everything differs');
select throws_ok($$select hubspot_sync.show_change(p_name => 'S-3')$$, '22023', null,
                 'two contacts of one student_id must be told apart');
select is(hubspot_sync.show_change(p_name => 'BK-0'), null, 'an unknown name shows nothing');
select is(hubspot_sync.show_change(p_name => 'BK-5', p_table => 'contacts'), null,
          'nor does a name of another table');

delete from hubspot_sync.hubspot_bookings;
select row_eq($$select t ->> 'record', t ->> 'deleted', t -> 'differs', t ->> 'name'
                  from hubspot_sync.show_change(p_name => 'BK-5') t$$,
              row(pg_temp.id(5)::text, 'true'::text, '[]'::jsonb, 'BK-5'::text),
              'a deleted booking is found by the booking_id it had');

select throws_ok(format('select hubspot_sync.show_change(%s)', given), '22023', null, why)
  from (values
    ('', 'nothing is named'), ('1, p_name => ''BK-5''', 'two are named'),
    ('p_name => ''BK-5'', p_table => ''settings''', 'no such table')
  ) as t (given, why);

select * from finish();
rollback;
