-- A world whose records the outbox must carry: 1,000 exams of 1,000 seats on 1,000 days, as
-- HubSpot has them, and functions that make and change so many contacts and bookings.
create schema bench;

insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_exam_name, mock_type, exam_date, start_time, capacity, total_bookings,
   is_active)
select (100000 + i)::text, 'Exam ' || i, 'Situational Judgment', current_date + i, '09:00', 1000,
       0, 'true'
  from generate_series(1, 1000) i;

-- Rows that were sent long ago: of records nobody asks for.
create procedure bench.finished(p_rows bigint)
  language sql
begin atomic
  insert into hubspot_sync.sync_queue
    (table_name, record, operation, old_data, new_data, synced, sync_attempts, last_sync_attempt,
     next_attempt_at, synced_at)
  select 'hubspot_bookings', gen_random_uuid(), 'update', '{"attendance": ""}',
         '{"attendance": "Yes"}', true, 1, now(), now(), now()
    from generate_series(1, p_rows);
end;

-- Contacts first..last that HubSpot does not know yet.
create procedure bench.new_contacts(p_first integer, p_last integer)
  language sql
begin atomic
  insert into hubspot_sync.hubspot_contact_credits
    (student_id, email, firstname, lastname, sj_credits)
  select 'S' || i, 's' || i || '@example.org', 'Given' || i, 'Family' || i, 10
    from generate_series(p_first, p_last) i;
end;

-- A booking of each, of all the exams in turn.
create procedure bench.new_bookings(p_first integer, p_last integer)
  language sql
begin atomic
  insert into hubspot_sync.hubspot_bookings
    (booking_id, mock_exam_id, contact_id, exam, contact, student_id, student_email, student_name,
     mock_type, exam_date, is_active, attending_location, dominant_hand, token_used)
  select 'BK-20260101-' || i, e.hubspot_id, c.hubspot_id, e.id, c.id, c.student_id, c.email,
         c.firstname || ' ' || c.lastname, e.mock_type, e.exam_date, 'Active', 'London', 'Right',
         'Situational Judgment Token'
    from generate_series(p_first, p_last) i
    join hubspot_sync.hubspot_contact_credits c on c.student_id = 'S' || i
    join hubspot_sync.hubspot_mock_exams e on e.hubspot_id = (100001 + i % 1000)::text;
end;

create procedure bench.change_bookings(p_first integer, p_last integer)
  language sql
begin atomic
  update hubspot_sync.hubspot_bookings b
     set dominant_hand = case b.dominant_hand when 'Right' then 'Left' else 'Right' end
    from generate_series(p_first, p_last) i
   where b.booking_id = 'BK-20260101-' || i;
end;

create procedure bench.change_contacts(p_first integer, p_last integer)
  language sql
begin atomic
  update hubspot_sync.hubspot_contact_credits c
     set sj_credits = 21 - c.sj_credits
    from generate_series(p_first, p_last) i
   where c.student_id = 'S' || i;
end;
