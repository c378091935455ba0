begin;
select plan(33);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return now() + current_setting('test.later')::interval;
set local test.later = '1 min';
set local hubspot_sync.actor = 'ada';
create function pg_temp.id(p_number integer) returns uuid language sql immutable as
  $$select ('00000000-0000-4000-8000-' || lpad(p_number::text, 12, '0'))::uuid$$;
insert into hubspot_sync.hubspot_bookings
  (id, hubspot_id, booking_id, mock_exam_id, student_id, student_email, dominant_hand)
select pg_temp.id(n), 'B-' || n, 'BK-' || n, 'E-1', 'S-' || n, n || '@example.com', 'left'
  from generate_series(1, 4) n;
delete from hubspot_sync.sync_queue;
update hubspot_sync.hubspot_bookings set attendance = 'Maybe' where id = pg_temp.id(1);
update hubspot_sync.hubspot_bookings set dominant_hand = 'right' where id = pg_temp.id(1);
update hubspot_sync.hubspot_bookings set attendance = 'No' where id = pg_temp.id(1);
update hubspot_sync.sync_queue set dead_at = now(), sync_attempts = 3, last_error = 'bad value';
insert into hubspot_sync.sync_errors (direction, entity, record, error_message)
values ('supabase_to_hubspot', 'hubspot_bookings', pg_temp.id(1), 'bad value'),
       ('hubspot_to_supabase', 'hubspot_bookings', pg_temp.id(1), 'something else');
create temp view queue as
  select q.*, row_number() over (order by q.id) as place from hubspot_sync.sync_queue q;
create function pg_temp.discard(p_place integer) returns text language sql as $$
  select d.outcome
    from hubspot_sync.discard_changes(array(select q.id from queue q where q.place = p_place)) d
$$;
create function pg_temp.shadow(p_number integer) returns jsonb language sql as $$
  select s.properties from hubspot_sync.sync_shadow s where s.record = pg_temp.id(p_number)
$$;

-- Of a record with other changes
select is(pg_temp.discard(2), 'discarded', 'a dead letter is given up');
select row_eq('select synced, synced_at, dead_at, epoch, last_error from queue where place = 2',
              row(true, hubspot_sync.clock(), null::timestamptz, null::bigint, 'bad value'::text),
              'it counts as sent');
select is((select history from queue where place = 2),
          jsonb_build_array(jsonb_build_object(
            'at', hubspot_sync.clock(), 'by', 'ada', 'action', 'discarded', 'attempt', 3,
            'error', 'bad value')), 'its history tells who discarded it, and after what');
select is(pg_temp.shadow(1), '{"dominant_hand": "right"}',
          'what it would have written counts as held by HubSpot');
select is((select count(*) from hubspot_sync.sync_errors
            where direction like 'supa%' and resolved_at is null), 1::bigint,
          'while another change of the record is dead its error stays');
select is(pg_temp.discard(1), 'discarded', 'another one');
select is(pg_temp.shadow(1), '{"dominant_hand": "right"}',
          'a value that a later change still has to bring does not count as held');
select is(pg_temp.discard(3), 'discarded', 'and the last');
select is(pg_temp.shadow(1), '{"attendance": "No", "dominant_hand": "right"}',
          'then it does, as it is now');
select results_eq('select direction, resolved_at from hubspot_sync.sync_errors order by 1',
                  $$values ('hubspot_to_supabase', null::timestamptz),
                           ('supabase_to_hubspot', hubspot_sync.clock())$$,
                  'the error of sending is resolved, and no other');
select is_empty($$select * from hubspot_sync.claim_changes('hubspot_bookings')$$,
                'nothing of it is sent any more');

-- With what HubSpot was known to hold
insert into hubspot_sync.sync_shadow (record, table_name, properties, updated_at)
values (pg_temp.id(2), 'hubspot_bookings', '{"attendance": "", "student_id": "S-2"}', now());
update hubspot_sync.hubspot_bookings set attendance = 'Yes' where id = pg_temp.id(2);
select is(pg_temp.discard(4), 'discarded', 'an open change can be given up, too');
select row_eq($$select properties, updated_at from hubspot_sync.sync_shadow
                 where record = pg_temp.id(2)$$,
              row('{"attendance": "Yes", "student_id": "S-2"}'::jsonb, hubspot_sync.clock()),
              'of what HubSpot holds only that changes');

-- Left as they are
update hubspot_sync.hubspot_bookings set attendance = 'Yes' where id = pg_temp.id(3);
create temp table claimed as select * from hubspot_sync.claim_changes('hubspot_bookings');
create temp table before as select * from hubspot_sync.sync_queue order by id;
select is(pg_temp.discard(5), 'leased', 'what a worker has is left to it');
select is(pg_temp.discard(1), 'sent', 'what was sent cannot be given up');
select results_eq($$select id, outcome from hubspot_sync.discard_changes('{0,0,null}')$$,
                  $$values (0::bigint, 'unknown')$$, 'a number nobody knows is told once');
select is_empty($$select * from hubspot_sync.discard_changes('{}')$$, 'none are none');
select results_eq('select * from hubspot_sync.sync_queue order by id', 'table before',
                  'those change nothing');
select is(pg_temp.shadow(3), null, 'and nothing counts as held');
select throws_ok('select hubspot_sync.discard_changes(null)', '22023', null, 'null is refused');

-- A lease that ended: a late answer finds it closed.
set local test.later = '10 min';
select is(pg_temp.discard(5), 'discarded', 'what a worker lost can be given up');
select is(hubspot_sync.finish_changes('hubspot_bookings', (
            select jsonb_agg(jsonb_build_object('record', c.record, 'epoch', c.epoch,
                                                'hubspot_id', 'B-3',
                                                'keys', jsonb_build_array('attendance')))
              from claimed c)), 0, 'its late answer closes nothing');
select is((select count(*) from queue where not synced and operation = 'resend'), 1::bigint,
          'and has the record sent once more: HubSpot may hold what that worker read');

-- New and deleted records
insert into hubspot_sync.hubspot_bookings (id, booking_id, mock_exam_id, student_id, student_email)
values (pg_temp.id(5), 'BK-5', 'E-1', 'S-5', '5@example.com');
select is(pg_temp.discard(7), 'discarded', 'a record HubSpot never had can be given up');
select is(pg_temp.shadow(5) - '@given_up',
          hubspot_sync.record_properties('hubspot_bookings', pg_temp.id(5)),
          'then all of it counts as held');
select is((select d.queued from hubspot_sync.queue_differences('hubspot_bookings', pg_temp.id(4)) d),
          0, 'and no full pass makes it');
select is((select d.queued
             from hubspot_sync.queue_differences('hubspot_bookings', pg_temp.id(4), 9, true) d),
          1, 'but one that sends everything');
delete from hubspot_sync.sync_queue where record = pg_temp.id(5) and not synced;
select is((select violations from api.verify() where name = 'queued_until_synced'), 0::bigint,
          'no invariant is broken by that');
update hubspot_sync.hubspot_bookings set attendance = 'Yes' where id = pg_temp.id(5);
select is((select (properties ->> 'student_id') || operation
             from hubspot_sync.claim_changes('hubspot_bookings') where record = pg_temp.id(5)),
          'S-5upsert', 'the next change of it is sent, whole, as HubSpot lacks it');
insert into hubspot_sync.sync_shadow (record, table_name, properties)
values (pg_temp.id(4), 'hubspot_bookings', '{"attendance": ""}');
delete from hubspot_sync.hubspot_bookings where id = pg_temp.id(4);
select row_eq($$select name, outcome from hubspot_sync.discard_changes(
                  array(select id from queue where operation = 'delete'))$$,
              row('BK-4'::text, 'discarded'::text), 'a deletion can be given up');
select is(pg_temp.shadow(4), null, 'HubSpot''s record is forgotten then');
select is((select count(*) from api.verify() where violations > 0), 0::bigint,
          'every invariant holds');
select is((select count(*) from queue where not synced and record = pg_temp.id(4)), 0::bigint,
          'and nothing of it is left to send');

select * from finish();
rollback;
