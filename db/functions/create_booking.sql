-- Books one seat and spends one credit, once per idempotency key: the front.
--
-- It looks without locks, which may only refuse; hubspot_sync.book_seat does the work and
-- decides. Between the two stands a gate: at most four bookings of an exam are at work at a
-- time. The others sleep in line instead of doing work that the last seat's sale will undo, and
-- look again when it is their turn. Cold connections in a rush stay cheap this way.
--
-- Lock order: gate, contact, booking, seat counter. Everything that touches two of them takes
-- them in this order and waits for nothing after the counter.
create or replace function api.create_booking(
  p_mock_exam_id text default null,
  p_student_id text default null,
  p_email text default null,
  p_idempotency_key text default null,
  p_student_name text default null,
  p_attending_location text default null,
  p_dominant_hand text default null
)
  returns api.booking
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
declare
  c_gates constant integer := 4;
  v_gate integer := pg_backend_pid() % c_gates;
  v_in boolean := false;
  v_key text := nullif(trim(p_idempotency_key), '');
  v_request jsonb;
  v_exam hubspot_sync.bookable_exam;
  v_answer api.booking;
  v_code text;
  v_message text;
  v_detail text;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'create_booking needs isolation level read committed, not %',
      current_setting('transaction_isolation')
      using errcode = 'MBISO', hint = 'Begin the transaction without an isolation level.';
  end if;
  if coalesce(trim(p_mock_exam_id), '') = '' or coalesce(trim(p_student_id), '') = ''
     or coalesce(trim(p_email), '') = '' then
    raise exception '% is missing', case
        when coalesce(trim(p_mock_exam_id), '') = '' then 'p_mock_exam_id'
        when coalesce(trim(p_student_id), '') = '' then 'p_student_id'
        else 'p_email' end
      using errcode = '22023', hint = 'Give p_mock_exam_id, p_student_id and p_email.';
  end if;
  -- The longest HubSpot's unique properties and our indexes take with room to spare.
  if greatest(length(v_key), length(p_student_name), length(p_attending_location),
              length(p_dominant_hand)) > 500 then
    raise exception 'an argument is longer than 500 characters'
      using errcode = '22023',
            hint = 'Shorten p_idempotency_key, p_student_name, p_attending_location or'
                   ' p_dominant_hand.';
  end if;

  loop
    select e.id, e.hubspot_id, e.mock_type, e.exam_date, e.starts_at, s.is_open, s.taken,
           s.capacity, t.credit, t.token_name, t.shared,
           exists (select from hubspot_sync.hubspot_bookings b where b.idempotency_key = v_key)
      into v_exam
      from hubspot_sync.hubspot_mock_exams e
      join hubspot_sync.exam_seats s on s.exam = e.id
      left join hubspot_sync.credit_types t on t.mock_type = e.mock_type
     where e.hubspot_id = trim(p_mock_exam_id);
    if v_exam.id is null then
      v_code := 'MBEXM';
      v_message := 'does not exist';
      v_detail := 'no exam here has this HubSpot id';
    elsif not v_exam.is_open then
      v_code := 'MBINA';
      v_message := 'is not open for booking';
      v_detail := 'it is not active';
    elsif v_exam.starts_at is null or v_exam.starts_at <= hubspot_sync.clock() then
      v_code := 'MBPST';
      v_message := 'has started or has no date';
      v_detail := format('it starts at %s', v_exam.starts_at);
    elsif v_exam.taken >= v_exam.capacity then
      v_code := 'MBFUL';
      v_message := 'is full';
      v_detail := format('%s of %s seats are taken', v_exam.taken, v_exam.capacity);
    elsif v_exam.credit is null then
      v_code := 'MBTYP';
      v_message := 'has a mock type no credit pays for';
      v_detail := format('its mock type is %s', v_exam.mock_type);
    end if;
    exit when v_in or v_code is not null
      or pg_try_advisory_xact_lock(hashtext(v_exam.hubspot_id), v_gate);
    begin
      perform pg_advisory_xact_lock(hashtext(v_exam.hubspot_id), v_gate);
      v_in := true;
    exception
      when lock_not_available or deadlock_detected then
        raise exception 'mock exam % is busy', p_mock_exam_id
          using errcode = 'MBBSY', hint = 'Send the same request again.';
    end;
  end loop;

  -- No refusal of a request that was granted before: if it took the last seat, the snapshot that
  -- shows the exam full shows its key, too. Of an unknown exam the snapshot shows nothing.
  if v_code is null or v_exam.key_known or v_code = 'MBEXM' then
    if v_key is not null then
      v_request := jsonb_build_object(
        'p_mock_exam_id', trim(p_mock_exam_id), 'p_student_id', trim(p_student_id),
        'p_email', lower(trim(p_email)), 'p_student_name', nullif(trim(p_student_name), ''),
        'p_attending_location', nullif(trim(p_attending_location), ''),
        'p_dominant_hand', nullif(trim(p_dominant_hand), ''));
    end if;
    if v_code is null then
      return hubspot_sync.book_seat(
        v_exam, p_student_id, p_email, v_key, v_request, p_student_name, p_attending_location,
        p_dominant_hand);
    end if;
    v_answer := hubspot_sync.replay_booking(v_key, v_request);
    if v_answer.id is not null then
      return v_answer;
    end if;
  end if;
  raise exception 'mock exam % %', p_mock_exam_id, v_message
    using errcode = v_code, detail = v_detail, hint = 'Choose another session.';
end;
$$;

comment on function api.create_booking(text, text, text, text, text, text, text) is
  'Books one seat of an exam for a student and spends one credit, the exam type''s own before a '
  'shared one. p_mock_exam_id: the exam''s HubSpot id. p_email: compared without regard to case. '
  'p_idempotency_key: optional; the same key with the same request answers the first booking '
  'with replayed = true. Raises 22023 (argument missing or over 500 characters), MBEXM (no such '
  'exam), MBINA (not '
  'open), MBPST (started), MBFUL (full), MBTYP (type without credit), MBCON (no such contact), '
  'MBDUP (already booked), MBCRD (no credit), MBKEY (key of another request), MBBSY (try again), '
  'MBISO (isolation level). A refusal changes nothing and does not use up the key.';
revoke execute on function api.create_booking(text, text, text, text, text, text, text)
  from public, anon, authenticated;
grant execute on function api.create_booking(text, text, text, text, text, text, text)
  to service_role;
