-- The baseline of the booking benchmarks: a function that writes a booking, a credit and a
-- counter, and nothing else. Its tables have the same columns as ours and only the indexes
-- without which the three writes would not be right.
create schema bench;

create table bench.seats (like hubspot_sync.exam_seats including all);
create table bench.contacts (
  like hubspot_sync.hubspot_contact_credits including defaults including constraints,
  primary key (id)
);
create unique index on bench.contacts (student_id, lower(email));
create table bench.bookings (
  like hubspot_sync.hubspot_bookings including defaults including constraints,
  primary key (id),
  unique (booking_id),
  unique (idempotency_key)
);
create unique index on bench.bookings (student_id, mock_exam_id) where is_active = 'Active';

create function bench.bare_booking(
  p_mock_exam_id text, p_student_id text, p_email text, p_idempotency_key text
)
  returns text
  language plpgsql
as $$
declare
  v_exam record;
  v_contact uuid;
  v_booking_id text := 'BK-20260101-' || gen_random_uuid();
begin
  select e.id, e.mock_type, e.exam_date, s.taken, s.capacity
    into v_exam
    from hubspot_sync.hubspot_mock_exams e
    join bench.seats s on s.exam = e.id
   where e.hubspot_id = p_mock_exam_id;
  if v_exam.taken >= v_exam.capacity then
    raise exception 'full' using errcode = 'MBFUL';
  end if;
  update bench.contacts
     set sj_credits = sj_credits - 1
   where student_id = p_student_id and lower(email) = lower(p_email) and sj_credits > 0
  returning id into v_contact;
  insert into bench.bookings
    (booking_id, mock_exam_id, exam, contact, student_id, student_email, mock_type, exam_date,
     is_active, token_used, idempotency_key)
  values
    (v_booking_id, p_mock_exam_id, v_exam.id, v_contact, p_student_id, p_email,
     v_exam.mock_type, v_exam.exam_date, 'Active', 'Situational Judgment Token',
     p_idempotency_key);
  update bench.seats set taken = taken + 1 where exam = v_exam.id and taken < capacity;
  if not found then
    raise exception 'full' using errcode = 'MBFUL';
  end if;
  return v_booking_id;
end;
$$;

-- Both sides are called through a twin of this shape, because pgbench stops at an error.
create function bench.try_bare(text, text, text, text)
  returns text
  language plpgsql
as $$
begin
  return bench.bare_booking($1, $2, $3, $4);
exception when sqlstate 'MBFUL' or unique_violation then
  return sqlstate;
end;
$$;

create function bench.try_ours(text, text, text, text)
  returns text
  language plpgsql
as $$
begin
  return (api.create_booking($1, $2, $3, $4)).booking_id;
exception when sqlstate 'MBFUL' or sqlstate 'MBDUP' then
  return sqlstate;
end;
$$;
