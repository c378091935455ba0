begin;
select plan(5);

create function pg_temp.id(p_number integer) returns uuid language sql immutable as
  $$select ('00000000-0000-4000-8000-' || lpad(p_number::text, 12, '0'))::uuid$$;
insert into hubspot_sync.hubspot_bookings (id, booking_id, mock_exam_id, student_id, student_email)
select pg_temp.id(n), 'BK-' || n, 'E-1', 'S-' || n, n || '@example.com' from generate_series(1, 3) n;
update hubspot_sync.sync_queue set created_at = now() - interval '5 min';
update hubspot_sync.hubspot_bookings set attendance = 'Yes' where id = pg_temp.id(1);
update hubspot_sync.sync_queue set lane = 'urgent' where operation = 'update';
select is_empty($$select * from hubspot_sync.look_at_claims(array[pg_temp.id(1)])$$,
                'what nobody has claimed is not told');
update hubspot_sync.sync_queue set dead_at = now() where record = pg_temp.id(3);

select hubspot_sync.claim_changes('hubspot_bookings', 100, '2 minutes');
insert into hubspot_sync.sync_queue (table_name, record, operation)
values ('hubspot_bookings', pg_temp.id(2), 'update');
select results_eq(
  $$select name, lane, changes, age, next_attempt_at
      from hubspot_sync.look_at_claims(array(select pg_temp.id(n) from generate_series(1, 9) n))
     order by name$$,
  $$values ('BK-1', 'urgent', 2::bigint, '5 min'::interval, now() + interval '2 min'),
           ('BK-2', 'bulk', 1::bigint, '5 min'::interval, now() + interval '2 min')$$,
  'a claim tells its records, their lane, how many changes it covers and until when');
select is_empty($$select * from hubspot_sync.look_at_claims(array[pg_temp.id(3)])$$,
                'a dead letter is in no claim');
select is_empty($$select * from hubspot_sync.look_at_claims('{}')$$, 'none are none');
select is_empty($$select * from hubspot_sync.look_at_claims(null)$$, 'null, too');

select * from finish();
rollback;
