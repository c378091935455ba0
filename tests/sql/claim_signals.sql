begin;
select plan(38);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return now() + current_setting('test.later')::interval;
set local test.later = '0';
create function pg_temp.store(
  p_ids text[], p_kind text default 'poll', p_lane text default 'bulk'
) returns integer language sql as $$
  select hubspot_sync.store_signals('hubspot_bookings', p_ids, p_kind, p_lane)
$$;
create temp table claimed of hubspot_sync.claimed_signal;
-- The ids of a claim in its order.
create function pg_temp.claim(p_limit integer default 100) returns text[] language sql as $$
  delete from claimed;
  insert into claimed
  select * from hubspot_sync.claim_signals('hubspot_bookings', p_limit, '2 minutes');
  select coalesce(array_agg(hubspot_id), '{}') from claimed
$$;
create function pg_temp.fail(p_id text, p_wait integer) returns integer language sql as $$
  select hubspot_sync.fail_signals('hubspot_bookings', jsonb_build_array(jsonb_build_object(
    'hubspot_id', p_id, 'epoch', c.epoch, 'error', 'it failed', 'retry_after', p_wait)))
    from claimed c where c.hubspot_id = p_id
$$;

-- Bad input ----------------------------------------------------------------------------------
select throws_ok('select hubspot_sync.claim_signals(null)', '22023', null,
                 'a claim of no table is refused');
select throws_ok($$select hubspot_sync.claim_signals('sync_notes')$$, '22023', null,
                 'notes are not read from HubSpot');
select throws_ok($$select hubspot_sync.claim_signals('hubspot_bookings', -1)$$, '22023', null,
                 'fewer than no records are refused');
select throws_ok($$select hubspot_sync.claim_signals('hubspot_bookings', 10001)$$, '22023', null,
                 'too many are refused');
select throws_ok($$select hubspot_sync.claim_signals('hubspot_bookings', 1, '0')$$, '22023', null,
                 'a lease of no time is refused');
select throws_ok($$select hubspot_sync.claim_signals('hubspot_bookings', 1, '2 days')$$, '22023',
                 null, 'a lease of more than a day is refused');
select throws_ok($$select hubspot_sync.claim_signals('hubspot_bookings', 1, '1 min', 'slow')$$,
                 '22023', null, 'an unknown lane is refused');
select is(pg_temp.claim(), '{}', 'of an empty inbox nothing is claimed');

-- A record -----------------------------------------------------------------------------------
insert into hubspot_sync.hubspot_bookings
  (id, hubspot_id, booking_id, mock_exam_id, student_id, student_email)
values ('00000000-0000-4000-8000-000000000001', '1', 'BK-1', '9', 'S-1', 'ann@example.com');
select pg_temp.store('{1,2}');
select pg_temp.store('{1}', 'associationChange');
select hubspot_sync.store_signals('hubspot_mock_exams', '{3}', 'poll');
select is(pg_temp.claim(0), '{}', 'a claim of no record claims none');
select is(pg_temp.claim(), '{1,2}', 'the records of a table are claimed, each once');
select row_eq(
  $$select lane, kinds, attempts, record, unique_value, links from claimed
     where hubspot_id = '1'$$,
  row('bulk'::text, '{associationChange,poll}'::text[], 1,
      '00000000-0000-4000-8000-000000000001'::uuid, 'BK-1'::text, true),
  'with all reasons to read it, and what it is called here');
select row_eq(
  $$select kinds, record, unique_value, links from claimed where hubspot_id = '2'$$,
  row('{poll}'::text[], null::uuid, null::text, true),
  'of a booking that is not known here the links are read, too');
select results_eq(
  $$select hubspot_id, epoch = (select max(epoch) from claimed), attempts, last_attempt_at,
           next_attempt_at
      from hubspot_sync.webhook_inbox where table_name = 'hubspot_bookings'
     order by hubspot_id, id$$,
  $$values ('1', true, 1, now(), now() + interval '2 minutes'),
           ('2', true, 1, now(), now() + interval '2 minutes'),
           ('1', true, 1, now(), now() + interval '2 minutes') order by 1$$,
  'all open signals of a record bear the epoch of its claim');
select is(pg_temp.claim(), '{}', 'what a worker has nobody else gets');

-- The other tables ---------------------------------------------------------------------------
insert into hubspot_sync.hubspot_contact_credits (id, hubspot_id, student_id, email)
values ('00000000-0000-4000-8000-000000000002', '1', 'S-1', 'ann@example.com');
select hubspot_sync.store_signals('hubspot_contact_credits', '{1}', 'reconcile');
select results_eq(
  $$select hubspot_id, record, unique_value, links
      from hubspot_sync.claim_signals('hubspot_contact_credits')$$,
  $$values ('1', '00000000-0000-4000-8000-000000000002'::uuid, 'S-1', false)$$,
  'a contact is called by its student id and has no links to read');
select results_eq(
  $$select hubspot_id, record, unique_value, links
      from hubspot_sync.claim_signals('hubspot_mock_exams')$$,
  $$values ('3', null::uuid, null::text, false)$$, 'nor has an exam');

-- Signals that come meanwhile ------------------------------------------------------------------
select pg_temp.store('{1}', 'propertyChange');
select is(pg_temp.claim(), '{}', 'a signal that comes during a lease waits for its end');
-- A row of a lower id may be committed later than one of a higher.
insert into hubspot_sync.webhook_inbox (id, table_name, hubspot_id, kind)
overriding system value values (-1, 'hubspot_bookings', '1', 'propertyChange');
select is(pg_temp.claim(), '{}', 'so does one of a lower id that was committed late');
set local test.later = '119 seconds';
select is(pg_temp.claim(), '{}', 'until its end a lease holds');
set local test.later = '2 minutes';
select is(pg_temp.claim(), '{1,2}', 'what nobody answered for is claimed again');
select is((select array_agg(attempts order by id) from hubspot_sync.webhook_inbox
            where hubspot_id = '1' and table_name = 'hubspot_bookings'), '{1,2,2,1}',
          'with all that came meanwhile');
select row_eq($$select attempts, kinds from claimed where hubspot_id = '1'$$,
              row(2, '{associationChange,poll,propertyChange}'::text[]),
              'as one more attempt');

-- Waiting ------------------------------------------------------------------------------------
select pg_temp.fail('1', 60);
select pg_temp.store('{1}', 'deletion');
select is(pg_temp.claim(), '{}', 'a new signal does not bring forward a read that waits');
set local test.later = '3 minutes';
select is(pg_temp.claim(), '{1}', 'it is read with the rest when their time has come');

-- Order --------------------------------------------------------------------------------------
delete from hubspot_sync.webhook_inbox;
select pg_temp.store('{13}');
select pg_temp.store('{12}');
select is_empty($$select hubspot_sync.claim_signals('hubspot_bookings', 9, '1 min', 'urgent')$$,
                'where nothing is urgent a claim of the urgent takes nothing');
select pg_temp.store('{15,16}', 'poll', 'urgent');
select pg_temp.store('{11}');
select pg_temp.store('{11}', 'demand', 'urgent');
select pg_temp.store('{17}', 'demand', 'urgent');
select is((select array_agg(hubspot_id)
             from hubspot_sync.claim_signals('hubspot_bookings', 1, '1 min', 'urgent')), '{15}',
          'what is urgent can be claimed alone');
select hubspot_sync.fail_signals('hubspot_bookings', jsonb_build_array(jsonb_build_object(
         'hubspot_id', '15', 'epoch', q.epoch, 'retry_after', 0)))
  from hubspot_sync.webhook_inbox q where q.hubspot_id = '15';
select is(pg_temp.claim(2), '{15,16}', 'what is urgent is read first');
select is(pg_temp.claim(3), '{11,17,13}', 'then what has waited longest');
select is((select lane from claimed where hubspot_id = '11'), 'urgent',
          'a record is urgent if any of its signals is');
select is(pg_temp.claim(), '{12}', 'the rest at last');

-- Finished rows ------------------------------------------------------------------------------
delete from hubspot_sync.webhook_inbox;
select pg_temp.store('{21,22,23}');
update hubspot_sync.webhook_inbox set done_at = now() where hubspot_id = '21';
update hubspot_sync.webhook_inbox set dead_at = now() where hubspot_id = '22';
select is(pg_temp.claim(), '{23}', 'neither what was read nor a dead letter is read again');
select pg_temp.store('{22}');
select is(pg_temp.claim(), '{22}', 'a dead letter stands in no later signal''s way');
select is((select count(*) from hubspot_sync.webhook_inbox where dead_at is not null
            and epoch is not null), 0::bigint, 'and is none of its claim');

-- Pauses -------------------------------------------------------------------------------------
select pg_temp.store('{31}');
select hubspot_sync.pause_sync('contacts', 'a test', '1 minute');
select is(pg_temp.claim(0), '{}', 'a pause of another table');
select hubspot_sync.pause_sync('bookings', 'a test', '1 minute');
select is(pg_temp.claim(), '{}', 'while its table is paused nothing is read');
select hubspot_sync.resume_sync('bookings');
select hubspot_sync.pause_sync('*', 'a test', '1 minute');
select is(pg_temp.claim(), '{}', 'nor while everything is');
set local test.later = '4 minutes';
select is(pg_temp.claim(), '{31}', 'a pause that is over pauses nothing');

-- A clock that was ahead ---------------------------------------------------------------------
set local test.later = '1 day';
select pg_temp.claim(), pg_temp.store('{41}');
select pg_temp.claim();
set local test.later = '5 minutes';
select pg_temp.claim();
select is(pg_temp.claim(), '{23,22,31,41}',
          'leases of a clock that was ahead do not hold');

select * from finish();
rollback;
