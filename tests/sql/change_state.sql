begin;
select plan(6);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return now() + current_setting('test.later')::interval;
set local test.later = '0';
create function pg_temp.state() returns text language sql as $$
  select hubspot_sync.change_state(q) from hubspot_sync.sync_queue q
$$;
insert into hubspot_sync.hubspot_bookings (booking_id, mock_exam_id, student_id, student_email)
values ('BK-1', 'E-1', 'S-1', 'ann@example.com');

-- One change through its life; the lists of states are in list_queue.sql.
select is(pg_temp.state(), 'due', 'a new change is due');
select hubspot_sync.claim_changes('hubspot_bookings', 100, '2 minutes');
select is(pg_temp.state(), 'leased', 'a claimed one is leased');
set local test.later = '2 minutes';
select is(pg_temp.state(), 'unanswered', 'when the lease is over it is unanswered');
select hubspot_sync.pause_sync('*', 'why', interval '1 minute');
select is(pg_temp.state(), 'paused', 'and held by a pause like any other');
set local test.later = '3 minutes';
select is(pg_temp.state(), 'unanswered', 'a pause ends by itself');
update hubspot_sync.sync_queue set synced = true, synced_at = now(), epoch = null;
select is(pg_temp.state(), 'sent', 'at last it is sent');

select * from finish();
rollback;
