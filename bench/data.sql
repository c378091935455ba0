-- 1,000 exams of 1,000 seats on 1,000 days, one exam of 40 seats, 20,000 students.
insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_exam_name, mock_type, exam_date, start_time, capacity, is_active)
select (100000 + i)::text, 'Exam ' || i, 'Situational Judgment', current_date + 1 + i, '09:00',
       case i when 0 then 40 else 1000 end, 'true'
  from generate_series(0, 1000) i;

-- In steps: each contact takes two locks until its transaction ends.
create procedure bench.make_students(p_first integer, p_last integer)
  language sql
begin atomic
  insert into hubspot_sync.hubspot_contact_credits
    (hubspot_id, student_id, email, firstname, lastname, sj_credits)
  select (500000 + i)::text, 'S' || i, 's' || i || '@example.org', 'Given' || i, 'Family' || i, 1000
    from generate_series(p_first, p_last) i;
end;

create procedure bench.copy_world()
  language sql
begin atomic
  insert into bench.seats select * from hubspot_sync.exam_seats;
  insert into bench.contacts select * from hubspot_sync.hubspot_contact_credits;
end;
