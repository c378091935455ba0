-- What the look of create_booking saw may be over when the counter's row is ours.
begin;
select plan(12);

insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
values ('E-1', 'Mini-mock', current_date + 30, '09:00', 1, 'true');
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email, sjmini_credits)
values ('C-1', 'S-1', 'ann@example.com', 1), ('C-2', 'S-2', 'bob@example.com', 5);
create temp table seen as
  select jsonb_populate_record(null::hubspot_sync.bookable_exam,
           to_jsonb(e) || to_jsonb(s) || to_jsonb(t) || jsonb_build_object('id', e.id)) as exam
    from hubspot_sync.hubspot_mock_exams e
    join hubspot_sync.exam_seats s on s.exam = e.id
    join hubspot_sync.credit_types t on t.mock_type = e.mock_type;
create function pg_temp.book(p_student text, p_email text, p_key text default null)
  returns api.booking language sql as $$
  select hubspot_sync.book_seat(
           seen.exam, p_student, p_email, p_key,
           case when p_key is not null
             then jsonb_build_object('p_student_id', p_student, 'p_email', p_email) end,
           null, null, null)
    from seen
$$;
create temp view state as
  select 'bookings' as what, md5(string_agg(b::text, ';' order by b.id)) as is_now
    from hubspot_sync.hubspot_bookings b
  union all
  select 'contacts', md5(string_agg(c::text, ';' order by c.id))
    from hubspot_sync.hubspot_contact_credits c
  union all
  select 'seats', md5(string_agg(s::text, ';' order by s.exam)) from hubspot_sync.exam_seats s
  union all
  select 'ledger', count(*)::text from hubspot_sync.credit_ledger
  union all
  select 'queue', count(*)::text from hubspot_sync.sync_queue
  union all
  select 'audit', count(*)::text from hubspot_sync.supabase_audit_log;

savepoint before;
create temp table before as table state;
update hubspot_sync.hubspot_mock_exams set is_active = 'false';
create temp table changed as table state;
select throws_ok($$select pg_temp.book('S-1', 'ann@example.com')$$, 'MBINA', null,
                 'an exam deactivated after the look is not booked');
select results_eq('table state', 'table changed', 'and nothing is spent');
rollback to before;
update hubspot_sync.hubspot_mock_exams set exam_date = exam_date + 1;
create temp table changed as table state;
select throws_ok($$select pg_temp.book('S-1', 'ann@example.com')$$, 'MBBSY', null,
                 'an exam moved after the look is not booked');
select results_eq('table state', 'table changed', 'and nothing is spent');
rollback to before;

select is((pg_temp.book('S-1', 'ann@example.com', 'key-1')).replayed, false,
          'an exam that is as it was is booked');
create temp table changed as table state;
select throws_ok($$select pg_temp.book('S-2', 'bob@example.com')$$, 'MBFUL', null,
                 'a seat sold after the look is not sold again');
select is((pg_temp.book('S-1', 'ann@example.com', 'key-1')).replayed, true,
          'a request whose key won meanwhile is a replay, though seat and credit are gone');
select throws_ok($$select pg_temp.book('S-2', 'bob@example.com', 'key-1')$$, 'MBKEY', null,
                 'another request with that key is told so, though the exam is full');
select throws_ok($$select pg_temp.book('S-1', 'ann@example.com')$$, 'MBDUP', null,
                 'a double is told so, though no credit is left');
select throws_ok($$select pg_temp.book('S-1', 'ann@example.com', 'key-2')$$, 'MBDUP', null,
                 'also with a new key');
select throws_ok($$select pg_temp.book('S-9', 'ann@example.com')$$, 'MBCON', null,
                 'an unknown student is refused');
select results_eq('table state', 'table changed', 'none of these changes anything');

select * from finish();
rollback;
