begin;
select plan(4);

insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, contact_id, student_id, student_name, student_email,
   is_active, attendance, attending_location, exam_date, dominant_hand, token_used, mock_type,
   created_at)
values ('B-1', '1', 'E-1', 'C-1', 'S-1', 'Ann Lee', 'ann@example.com', 'Completed', 'yes', 'Lab',
        '2030-02-01 09:00', 'left', 'Shared Token', 'Mini-mock', '2030-01-01 09:00+00');
create temp table answer as
  select b as row, hubspot_sync.booking_answer(b, true) as answer
    from hubspot_sync.hubspot_bookings b;

select is((select (answer).replayed from answer), true, 'an answer says whether it is a replay');
select is((select (answer).exam_date from answer), '2030-02-01', 'the exam''s date is a day');
select is_empty(
  $$select a.key, a.value, r.value
      from answer, jsonb_each(to_jsonb(answer.answer)) a
      left join lateral (select to_jsonb(answer.row) -> a.key as value) r on true
     where a.key not in ('replayed', 'exam_date') and a.value is distinct from r.value$$,
  'every other field is the row''s column of the same name');
select is_empty(
  $$select a.key from answer, jsonb_each_text(to_jsonb(answer.answer)) a where a.value is null$$,
  'no field is forgotten');

select * from finish();
rollback;
