begin;
select plan(42);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable return timestamptz '2030-01-10 12:00+00';

insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_exam_name, mock_type, exam_date, start_time, capacity, is_active)
select 'E-' || n, 'Exam', 'Situational Judgment', date '2030-02-01' + n, '10:00', 9, 'true'
  from generate_series(1, 4) n;
create function pg_temp.contact(p_id text, p_minute integer, p_properties jsonb,
                                p_merge integer default null)
  returns jsonb language sql as $$
  select jsonb_build_object(
    'id', p_id, 'updatedAt', to_char(timestamp '2030-01-10 10:00'
      + make_interval(mins => p_minute), 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
    'properties', '{"email": "ann@example.com", "student_id": "S-1"}' || p_properties,
    'propertiesWithHistory', jsonb_build_object(
      'sj_credits', case when p_properties ? 'sj_credits' then jsonb_build_array(
        jsonb_build_object('value', p_properties ->> 'sj_credits',
          'timestamp', to_char(timestamp '2030-01-10 10:00'
            + make_interval(mins => coalesce(p_merge, 0)), 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
          'sourceType', case when p_merge is null then 'CRM_UI' else 'MERGE_OBJECTS' end,
          'sourceId', 'userId:1')) else '[]' end))
$$;
create function pg_temp.read(variadic p_records jsonb[]) returns text language sql as $$
  select concat_ws('/', a.applied, nullif(a.refused, '{}'), nullif(a.stale, '{}'))
    from hubspot_sync.apply_records('hubspot_contact_credits', to_jsonb(p_records)) a
$$;
create function pg_temp.book(p_student text, p_exam text) returns text language sql as $$
  select b.booking_id
    from api.create_booking(p_mock_exam_id => p_exam, p_student_id => p_student,
           p_email => case p_student when 'S-1' then 'ann' when 'S-2' then 'anna' else p_student end
                      || '@example.com') b
$$;
create function pg_temp.sent() returns text language sql as $$
  update hubspot_sync.hubspot_bookings set hubspot_id = booking_id where hubspot_id is null;
  update hubspot_sync.sync_queue set synced = true, synced_at = now(), epoch = null where not synced
  returning 'sent'
$$;
create temp view contact as
  select c.student_id, c.hubspot_id, c.sj_credits, c.cs_credits, c.deleted_at is not null as deleted,
         k.student_id as kept
    from hubspot_sync.hubspot_contact_credits c
    left join hubspot_sync.hubspot_contact_credits k on k.id = c.merged_into;

select pg_temp.read(
  pg_temp.contact('C-1', 0, '{"sj_credits": "5"}'),
  pg_temp.contact('C-2', 0, '{"student_id": "S-2", "email": "anna@example.com",
                              "sj_credits": "3", "cs_credits": "1"}'),
  pg_temp.contact('C-3', 0, '{"student_id": "S-3", "email": "S-3@example.com"}'));
create temp table booked as
  select pg_temp.book('S-1', 'E-1') as one, pg_temp.book('S-2', 'E-2') as two,
         pg_temp.book('S-2', 'E-1') as three;
select pg_temp.sent();

-- A worker has a change of the one that goes.
update hubspot_sync.hubspot_contact_credits set firstname = 'Anna' where hubspot_id = 'C-2';
create temp table claimed as select * from hubspot_sync.claim_changes('hubspot_contact_credits');

-- Merged ---------------------------------------------------------------------------------------
select is(pg_temp.read(pg_temp.contact('C-1', 5, '{"sj_credits": "5", "cs_credits": "1",
                                                   "hs_merged_object_ids": "C-2"}')), '1',
          'two contacts of ours are one in HubSpot');
select results_eq('table contact order by student_id',
  $$values ('S-1', 'C-1', 5, 1, false, null), ('S-2', null, 0, 0, true, 'S-1'),
           ('S-3', 'C-3', 0, 0, false, null)$$,
  'the balances are added up, and the other is a mark');
select results_eq(
  $$select c.student_id, l.credit, l.delta, l.note from hubspot_sync.credit_ledger l
      join hubspot_sync.hubspot_contact_credits c on c.id = l.contact
     where l.reason = 'merge' order by l.id$$,
  $$values ('S-2', 'cs_credits', -1, 'merged in HubSpot: S-2 into S-1'),
           ('S-1', 'cs_credits', 1, 'merged in HubSpot: S-2 into S-1'),
           ('S-2', 'sj_credits', -1, 'merged in HubSpot: S-2 into S-1'),
           ('S-1', 'sj_credits', 1, 'merged in HubSpot: S-2 into S-1')$$,
  'both ledgers tell of it');
select results_eq(
  $$select b.booking_id, b.student_id, b.student_email, b.contact_id, c.student_id
      from hubspot_sync.hubspot_bookings b
      join hubspot_sync.hubspot_contact_credits c on c.id = b.contact
     where b.booking_id in (select two from booked)$$,
  $$select two, 'S-1', 'ann@example.com', 'C-1', 'S-1' from booked$$, 'the bookings move');
select results_eq(
  $$select b.booking_id, b.student_id, b.is_active, b.exempt from hubspot_sync.hubspot_bookings b
     where b.mock_exam_id = 'E-1' order by b.exempt$$,
  $$select one, 'S-1', 'Active', false from booked
    union all select three, 'S-1', 'Active', true from booked$$,
  'also one that breaks a rule now, as exempt');
select results_eq(
  $$select entity, field, decision from hubspot_sync.sync_conflicts order by id$$,
  $$values ('hubspot_bookings', 'student_id', 'kept as exempt: student S-1 has another active'
            ' booking for that exam, or for its type that day'),
           ('hubspot_contact_credits', 'merged_into',
            'HubSpot''s: the two are one; balances added up, bookings moved')$$,
  'both are noted');
select is_empty(
  $$select * from hubspot_sync.sync_queue q join hubspot_sync.hubspot_contact_credits c
       on c.id = q.record where c.student_id = 'S-2' and not q.synced$$,
  'nothing of the mark is to be sent');
select is(hubspot_sync.finish_changes('hubspot_contact_credits', (
            select jsonb_agg(jsonb_build_object('record', c.record, 'epoch', c.epoch,
                     'hubspot_id', 'C-2', 'sent', c.properties)) from claimed c)), 0,
          'a late acknowledgement of it counts for nothing');
select row_eq($$select hubspot_id, deleted from contact where student_id = 'S-2'$$,
              row(null::text, true), 'gives it no id');
select is_empty(
  $$select * from hubspot_sync.sync_queue q join hubspot_sync.hubspot_contact_credits c
       on c.id = q.record where c.student_id = 'S-2' and not q.synced$$,
  'and asks for nothing more');
select is(pg_temp.read(pg_temp.contact('C-1', 5, '{"sj_credits": "5", "cs_credits": "1",
                                                   "hs_merged_object_ids": "C-2"}')), '1',
          'read again');
select results_eq($$select sj_credits, cs_credits from contact where student_id = 'S-1'$$,
                  'values (5, 1)', 'nothing changes');

-- Under the old name ---------------------------------------------------------------------------
select isnt(pg_temp.book('S-2', 'E-3'), null, 'who was merged away may book');
select is((select c.sj_credits from contact c where c.student_id = 'S-1'), 4,
          'with the credits of the kept one');
select is((select b.student_id from hubspot_sync.hubspot_bookings b where b.mock_exam_id = 'E-3'),
          'S-1', 'as the kept one');
select throws_ok($$select pg_temp.book('S-2', 'E-1')$$, 'MBDUP', null,
                 'and not where the kept one has a seat');
select is((select g.student_id from api.get_contact_credits(p_student_id => 'S-2',
             p_email => 'anna@example.com') g), 'S-1', 'credits asked for are the kept one''s');
select set_config('request.jwt.claims', '{"email": "anna@example.com"}', true);
set local role authenticated;
select set_config('test.own', (select g.student_id from api.get_contact_credits() g), true);
reset role;
select set_config('request.jwt.claims', '', true);
select is(current_setting('test.own'), 'S-1', 'also to a student with the old login');
select row_eq($$select u.student_id, u.replayed from api.upsert_contact(p_student_id => 'S-2',
                  p_email => 'anna@example.com', p_firstname => 'Zoe') u$$,
              row('S-1'::text, true), 'who is told again is the kept one');
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, contact_id, student_id, student_email, is_active)
values ('B-9', 'OLD-9', 'E-4', 'C-2', 'S-2', 'anna@example.com', 'Active');
select is((select c.student_id from hubspot_sync.hubspot_bookings b
             join hubspot_sync.hubspot_contact_credits c on c.id = b.contact
            where b.booking_id = 'OLD-9'), 'S-1', 'another application''s booking finds it, too');
select is((select is_active from api.cancel_booking((select two from booked))), 'Cancelled',
          'a booking that the one merged away has paid');
select results_eq('select student_id, sj_credits from contact where student_id in (''S-1'', ''S-2'')
                    order by 1', $$values ('S-1', 5), ('S-2', 0)$$, 'is refunded to the kept one');

-- Merged again, and with an id of its own ------------------------------------------------------
select is(pg_temp.read(pg_temp.contact('C-8', 9, '{"student_id": "S-3", "email": "s-3@example.com",
             "sj_credits": "4", "hs_merged_object_ids": "C-1;C-3"}', 9)), '1',
          'two are merged into one with a new id');
select results_eq('select student_id, hubspot_id, sj_credits, kept from contact order by 1',
  $$values ('S-1', null, 0, 'S-3'), ('S-2', null, 0, 'S-3'), ('S-3', 'C-8', 5, null)$$,
  'the one it is called by is kept, and takes in the other and whom that took in');
select is((select count(distinct b.student_id) from hubspot_sync.hubspot_bookings b), 1::bigint,
          'all bookings are its');
select is(pg_temp.read(pg_temp.contact('C-8', 9, '{"student_id": "S-3", "email": "s-3@example.com",
             "sj_credits": "4", "hs_merged_object_ids": "C-1;C-3"}', 9)), '1',
          'what the merge wrote');
select is((select sj_credits from contact where student_id = 'S-3'), 5, 'is no top-up');
select is((select q.properties ->> 'sj_credits'
             from hubspot_sync.claim_changes('hubspot_contact_credits') q
            where q.hubspot_id = 'C-8'), '5', 'HubSpot hears of the sum');
select isnt(pg_temp.book('S-2', 'E-2'), null, 'whom both were merged away from may book');
select is((select sj_credits from contact where student_id = 'S-3'), 4, 'as the last one');
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, contact_id, student_id, student_email, is_active)
values ('B-10', 'OLD-10', 'E-4', null, 'S-2', 'anna@example.com', 'Cancelled');
select is((select c.student_id from hubspot_sync.hubspot_bookings b
             join hubspot_sync.hubspot_contact_credits c on c.id = b.contact
            where b.booking_id = 'OLD-10'), 'S-3', 'and so does a booking of another application');

-- One that nobody here knew --------------------------------------------------------------------
select pg_temp.read(pg_temp.contact('C-20', 0, '{"student_id": "S-20", "email": "x@example.com",
                                                 "sj_credits": "5"}'));
select pg_temp.sent();
select is(pg_temp.read(pg_temp.contact('C-21', 9, '{"student_id": "S-20",
             "email": "x@example.com", "sj_credits": "5", "hs_merged_object_ids": "C-20;C-404"}',
             9)), '1', 'a contact merged with one that is not here gets a new id');
select results_eq($$select hubspot_id, sj_credits from contact where student_id = 'S-20'$$,
                  $$values ('C-21', 5)$$, 'and keeps its balance');
select pg_temp.read(pg_temp.contact('C-22', 0, '{"student_id": "S-22", "email": "y@example.com"}'));
select is(pg_temp.read(pg_temp.contact('C-22', 9, '{"student_id": "S-22",
             "email": "y@example.com", "sj_credits": "2", "hs_merged_object_ids": "C-404"}', 9)),
          '1', 'the credits of one that is not here');
select is((select sj_credits from contact where student_id = 'S-22'), 2, 'are added');

-- Known under the id that was asked for --------------------------------------------------------
select is(pg_temp.read(pg_temp.contact('C-30', 9, '{"student_id": "S-22b",
             "email": "y@example.com"}') || '{"asked": ["C-22"]}'), '1',
          'a record that answers for another id');
select row_eq($$select hubspot_id, student_id from contact where student_id like 'S-22%'$$,
              row('C-30'::text, 'S-22b'::text), 'is that one');

select is(pg_temp.read(pg_temp.contact('C-31', 9, '{"student_id": "S-31",
             "email": "z@example.com"}') || '{"asked": ["C-30"]}'), '1',
          'a record of somebody else that answers for an id');
select is((select count(*) from contact where student_id in ('S-22b', 'S-31')), 2::bigint,
          'makes no one of two');

-- Made anew ------------------------------------------------------------------------------------
update hubspot_sync.hubspot_contact_credits set deleted_at = hubspot_sync.clock()
 where hubspot_id = 'C-21';
select is(pg_temp.read(pg_temp.contact('C-40', 12, '{"student_id": "S-20",
             "email": "x@example.com", "sj_credits": "1"}')), '1',
          'a contact that was deleted there and made anew');
select results_eq($$select hubspot_id, sj_credits, deleted from contact
                     where student_id = 'S-20'$$, $$values ('C-40', 5, false)$$,
                  'is the same one, with the balance it has here');
select pg_temp.sent();
select is_empty($$select v.name, v.sample from api.verify() v where v.violations > 0$$,
                'after all this every invariant holds');

select * from finish();
rollback;
