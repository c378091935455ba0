-- What a person may write into the outbox by hand: nothing that would stop other records.
begin;
select plan(24);

insert into hubspot_sync.hubspot_bookings
  (id, booking_id, mock_exam_id, student_id, student_email)
select ('00000000-0000-4000-8000-00000000000' || n)::uuid, 'BK-' || n, 'E-1', 'S-' || n,
       n || '@example.com'
  from generate_series(1, 2) n;
create function pg_temp.put(p_what text) returns text language plpgsql as $$
begin
  execute format($q$update hubspot_sync.sync_queue set %s
                     where record = '00000000-0000-4000-8000-000000000001'$q$, p_what);
  return 'written';
exception when check_violation then
  return 'refused';
end $$;

select is(pg_temp.put(h.what), 'refused', format('%s is refused', left(h.what, 60)))
  from (values
    ('table_name = ''nobody'''), ('operation = ''upsert'''), ('lane = ''fast'''),
    ('new_data = ''[1]'''), ('new_data = ''5'''), ('new_data = ''null'''),
    ('old_data = ''"x"'''), ('history = ''{}'''), ('history = ''5'''),
    ('sync_attempts = -1'), ('sync_attempts = 2147483647'),
    ('next_attempt_at = ''infinity'''), ('next_attempt_at = ''-infinity'''),
    ('next_attempt_at = ''294276-01-01'''), ('dead_at = ''-infinity'''),
    ('created_at = ''infinity'''), ('last_sync_attempt = ''4713-01-01 BC''')
  ) as h (what);

-- What is taken is this record's affair alone.
create function pg_temp.claimed() returns bigint language sql as
  $$select count(*) from hubspot_sync.claim_changes('hubspot_bookings') c
     where c.record = '00000000-0000-4000-8000-000000000002'$$;
savepoint sound;
select is(pg_temp.put('new_data = ''{"nonsense": [1]}'', old_data = ''{"@exam": {"a": 1}}''')
          || pg_temp.claimed(), 'written1', 'a property nobody knows hurts no other record');
rollback to sound;
select is(pg_temp.put('record = gen_random_uuid()') || pg_temp.claimed(), 'written1',
          'nor does a record that is not there');
rollback to sound;
select is(pg_temp.put('table_name = ''hubspot_mock_exams''') || pg_temp.claimed(), 'written1',
          'nor another table');
rollback to sound;
select is(pg_temp.put('sync_attempts = 1000000000 - 1, epoch = 9223372036854775807')
          || pg_temp.claimed(), 'written1', 'nor an epoch or attempts without end');
rollback to sound;
select is(pg_temp.put('next_attempt_at = now() + interval ''3 days''') || pg_temp.claimed(),
          'written1', 'nor one that waits for long');
select is((select sample from api.verify() where name = 'queue_consistent'),
          (select id::text from hubspot_sync.sync_queue
            where record = '00000000-0000-4000-8000-000000000001'),
          'which is named as wrong');
rollback to sound;
select throws_ok(
  $$insert into hubspot_sync.sync_shadow values (gen_random_uuid(), 'hubspot_bookings', '[]')$$,
  '23514', null, 'what HubSpot holds is an object, too');

select * from finish();
rollback;
