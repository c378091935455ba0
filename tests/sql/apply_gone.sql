begin;
select plan(45);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return timestamptz '2030-01-10 12:00+00' + current_setting('test.later')::interval;
set local test.later = '0';

insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_exam_name, mock_type, exam_date, start_time, capacity, is_active)
select 'E-' || n, 'Exam', 'Situational Judgment', date '2030-02-01' + n, '10:00', 9, 'true'
  from generate_series(1, 5) n;
update hubspot_sync.hubspot_mock_exams set exam_date = '2030-01-09' where hubspot_id = 'E-5';
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email, sj_credits)
select 'C-' || n, 'S-' || n, n || '@example.com', 5 from generate_series(1, 9) n;
-- Bookings that HubSpot has.
create function pg_temp.book(p_number integer, p_exam text) returns text language sql as $$
  select b.booking_id
    from api.create_booking(p_mock_exam_id => p_exam, p_student_id => 'S-' || p_number,
                            p_email => p_number || '@example.com') b
$$;
create function pg_temp.synced() returns text language sql as $$
  update hubspot_sync.hubspot_bookings set hubspot_id = 'B-' || student_id
    where hubspot_id is null and (student_id <> 'S-2' or mock_exam_id = 'E-2');
  update hubspot_sync.sync_queue set synced = true, synced_at = now(), epoch = null where not synced
  returning 'synced';
$$;
select pg_temp.book(1, 'E-1'), pg_temp.book(2, 'E-2'), pg_temp.book(3, 'E-3'),
       pg_temp.book(4, 'E-3'), pg_temp.book(6, 'E-1');
insert into hubspot_sync.hubspot_bookings
  (booking_id, mock_exam_id, student_id, student_email, is_active)
values ('BK-PAST', 'E-5', 'S-5', '5@example.com', 'Active');
select pg_temp.synced();

create function pg_temp.gone(p_table text, variadic p_gone text[]) returns jsonb language sql as $$
  select hubspot_sync.apply_gone(p_table, (
    select jsonb_agg(jsonb_build_object('id', g.id, 'archived', true)) from unnest(p_gone) g (id)))
$$;
create temp view booking as
  select b.id, b.student_id, b.is_active, b.deleted_at is not null as deleted, b.contact
    from hubspot_sync.hubspot_bookings b;
create function pg_temp.credits(p_student text) returns integer language sql as $$
  select sj_credits from hubspot_sync.hubspot_contact_credits where student_id = p_student
$$;
create function pg_temp.conflicts(p_record uuid) returns text language sql as $$
  select string_agg(f.decision, '; ' order by f.id)
    from hubspot_sync.sync_conflicts f where f.record = p_record
$$;
create temp view open as
  select q.table_name, q.record, q.operation, q.new_data
    from hubspot_sync.sync_queue q where not q.synced;

-- What is asked --------------------------------------------------------------------------------
select throws_ok($$select hubspot_sync.apply_gone('sync_notes', '[]')$$, '22023', null,
                 'other tables are refused');
select throws_ok($$select hubspot_sync.apply_gone(null, '[]')$$, '22023', null,
                 'and none');
select throws_ok($$select hubspot_sync.apply_gone('hubspot_bookings', '{}')$$, '22023', null,
                 'and what is no array');
select is(hubspot_sync.apply_gone('hubspot_bookings', '[{"id": "B-S-1", "archived": false},
            {"id": "B-S-1"}, {"id": "B-404", "archived": true}]'), '{}',
          'what is neither archived nor forgotten is left alone, and so is what nobody knows');
select is((select count(*) from booking where deleted or is_active = 'Cancelled'), 0::bigint,
          'all bookings are there');

-- A booking ------------------------------------------------------------------------------------
select is(pg_temp.gone('hubspot_bookings', 'B-S-1', 'B-S-5'), '{}', 'two bookings are deleted');
select results_eq($$select student_id, is_active, deleted from booking
                     where student_id in ('S-1', 'S-5') order by 1$$,
                  $$values ('S-1', 'Cancelled', true), ('S-5', 'Active', true)$$,
                  'one to come is cancelled, one that was stays as it was, both are marked');
select is(pg_temp.credits('S-1'), 5, 'the credit is back');
select row_eq($$select s.taken, e.total_bookings from hubspot_sync.exam_seats s
                  join hubspot_sync.hubspot_mock_exams e on e.id = s.exam
                 where e.hubspot_id = 'E-1'$$, row(1, 1), 'the seat is free, the figure follows');
select is_empty($$select * from open where table_name = 'hubspot_bookings'$$,
                'HubSpot is told nothing of what it has no more');
select row_eq($$select count(*), max(operation) from open
                 where table_name = 'hubspot_contact_credits'$$, row(1::bigint, 'update'::text),
              'but of the credit');
select is((select pg_temp.conflicts(b.id) from booking b where b.student_id = 'S-1'),
          'HubSpot''s: marked as deleted, cancelled with its refund', 'a row tells of it');
select is((select pg_temp.conflicts(b.id) from booking b where b.student_id = 'S-5'),
          'HubSpot''s: marked as deleted', 'of the other as well');
select is(pg_temp.gone('hubspot_bookings', 'B-S-1'), '{}', 'told again');
select is((select count(*) from hubspot_sync.sync_conflicts), 2::bigint, 'it is nothing new');
update hubspot_sync.hubspot_bookings set attending_location = 'Lab' where student_id = 'S-1';
select is_empty($$select * from open where table_name = 'hubspot_bookings'$$,
                'a change of it is not sent either');
select is((select applied from hubspot_sync.apply_records('hubspot_bookings', jsonb_build_array(
             jsonb_build_object('id', 'B-S-1', 'updatedAt', '2030-01-10T12:00:00Z', 'properties',
               (select hubspot_sync.booking_properties(b) - '{@contact,@exam}'::text[]
                       || '{"is_active": "Active"}'
                  from hubspot_sync.hubspot_bookings b where b.student_id = 'S-1'))))), 1,
          'it is restored there');
select row_eq($$select is_active, deleted from booking where student_id = 'S-1'$$,
              row('Cancelled'::text, false), 'and is here, too, cancelled as it was');
select is((select new_data from open where table_name = 'hubspot_bookings'),
          '{"is_active": null}', 'which HubSpot is told');

-- A booking with a change on its way -----------------------------------------------------------
select pg_temp.synced();
update hubspot_sync.hubspot_bookings set attending_location = 'Lab' where student_id = 'S-6';
select is(pg_temp.gone('hubspot_bookings', 'B-S-6'), '{}', 'one that was changed here');
select row_eq($$select is_active, deleted from booking where student_id = 'S-6'$$,
              row('Active'::text, false), 'wins over a deletion');
select is((select pg_temp.conflicts(b.id) from booking b where b.student_id = 'S-6'),
          'ours: a change of it was on its way, so it is made anew', 'a row tells why');
select pg_temp.gone('hubspot_bookings', 'B-S-6');
select is((select count(*) from hubspot_sync.sync_conflicts f join booking b on b.id = f.record
            where b.student_id = 'S-6'), 1::bigint, 'once');

-- An exam --------------------------------------------------------------------------------------
select pg_temp.synced();
select is(pg_temp.gone('hubspot_mock_exams', 'E-3'), '{}', 'an exam is deleted');
select row_eq($$select deleted_at is not null, is_active from hubspot_sync.hubspot_mock_exams
                 where hubspot_id = 'E-3'$$, row(true, 'false'::text), 'here as well');
select results_eq($$select is_active, deleted from booking where student_id in ('S-3', 'S-4')$$,
                  $$values ('Cancelled', false), ('Cancelled', false)$$,
                  'its bookings are cancelled, not deleted');
select is(pg_temp.credits('S-3') + pg_temp.credits('S-4'), 10, 'with their refunds');
select is((select count(*) from open where table_name = 'hubspot_bookings'), 2::bigint,
          'HubSpot is told of them');
select is((select count(*) from open where table_name = 'hubspot_mock_exams'), 0::bigint,
          'and not of the exam');
select count(*) from api.delete_exam('E-4');
select is(pg_temp.gone('hubspot_mock_exams', 'E-4'), '{}', 'one that was deleted here before');
select ok((select s.properties ? '@archived' from hubspot_sync.sync_shadow s
             join hubspot_sync.hubspot_mock_exams e on e.id = s.record
            where e.hubspot_id = 'E-4'), 'is marked as gone there');
select is((select applied from hubspot_sync.apply_records('hubspot_mock_exams', '[{"id": "E-3",
             "properties": {"is_active": "true", "capacity": "9", "mock_exam_name": "Exam"}}]')), 1,
          'an exam is restored there');
select row_eq($$select deleted_at is null, is_active from hubspot_sync.hubspot_mock_exams
                 where hubspot_id = 'E-3'$$, row(true, 'true'::text), 'and is here, too');

-- A contact ------------------------------------------------------------------------------------
select pg_temp.synced();
select is(pg_temp.gone('hubspot_contact_credits', 'C-2'), '{}', 'a contact is deleted');
select row_eq($$select c.deleted_at is not null, c.sj_credits, b.is_active
                  from hubspot_sync.hubspot_contact_credits c join booking b on b.contact = c.id
                 where c.student_id = 'S-2'$$, row(true, 4, 'Active'::text),
              'it is marked, its booking and credits stay');
select is_empty('table open', 'nothing is sent');
select isnt(pg_temp.book(2, 'E-1'), null, 'it may book all the same');
update hubspot_sync.sync_queue set synced = false, synced_at = null
 where record = (select contact from booking where student_id = 'S-2' limit 1);
create temp table claimed as
  select * from hubspot_sync.claim_changes('hubspot_contact_credits');
select is(hubspot_sync.finish_changes('hubspot_contact_credits', (
            select jsonb_agg(jsonb_build_object('record', c.record, 'epoch', c.epoch,
              'hubspot_id', 'C-2', 'sent', c.properties)) from claimed c)), 1, 'its next send');
select row_eq($$select c.deleted_at is null, s.properties ? '@archived'
                  from hubspot_sync.hubspot_contact_credits c
                  join hubspot_sync.sync_shadow s on s.record = c.id where c.student_id = 'S-2'$$,
              row(true, false), 'makes it anew there');
select pg_temp.synced();
select pg_temp.gone('hubspot_contact_credits', 'C-2');
select isnt((select deleted_at from hubspot_sync.hubspot_contact_credits where student_id = 'S-2'),
            null, 'and it can be deleted again');

-- Forgotten ------------------------------------------------------------------------------------
select is(hubspot_sync.apply_gone('hubspot_contact_credits',
            '[{"id": "C-2", "archived": true, "privacy": true}]'), '{}',
          'a deleted contact asks to be forgotten');
select is((select count(*) from hubspot_sync.hubspot_contact_credits where student_id = 'S-2'),
          0::bigint, 'and is');

-- Too many -------------------------------------------------------------------------------------
select pg_temp.gone('hubspot_contact_credits', 'C-7', 'C-8', 'C-9');
update hubspot_sync.settings set value = '3' where key = 'deletions_a_day';
select is((select array_agg(g.value)::text
             from jsonb_each_text(pg_temp.gone('hubspot_bookings', 'B-S-6', 'B-S-3')) g),
          '{"MBDEL: 3 records were deleted in HubSpot within a day; raise the setting'
          ' deletions_a_day if that is meant, then retry"}',
          'more deletions than a day has are not believed; contacts do not count');
set local test.later = '25 hours';
select is(pg_temp.gone('hubspot_bookings', 'B-S-6', 'B-S-3'), '{}', 'a day later they are');
set local test.later = '0';
select is_empty($$select v.name, v.sample from api.verify() v where v.violations > 0$$,
                'after all this every invariant holds');

select * from finish();
rollback;
