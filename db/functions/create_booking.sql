-- Books one seat and spends one credit, once per idempotency key: the front.
--
-- It looks without locks, which may only refuse; hubspot_sync.book_seat does the work and
-- decides. Between the two stands the gate: at most four bookings of an exam are at work at a
-- time. The others sleep in line instead of doing work that the last seat's sale will undo, and
-- look again when it is their turn. Cold connections in a rush stay cheap this way.
--
-- Lock order: exam, gate, contact, booking, seat counter. Everything that touches two of them
-- takes them in this order and waits for nothing after the counter.
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
  v_in boolean := false;
  v_own text := hubspot_sync.caller_email();
  v_email text := coalesce(nullif(trim(p_email), ''), v_own);
  v_key text := nullif(trim(p_idempotency_key), '');
  v_request jsonb;
  v_exam hubspot_sync.bookable_exam;
  v_before hubspot_sync.bookable_exam;
  v_refusal hubspot_sync.refusal;
  v_answer api.booking;
begin
  perform hubspot_sync.require_read_committed();
  if coalesce(trim(p_mock_exam_id), '') = '' or coalesce(trim(p_student_id), '') = ''
     or v_email is null then
    raise exception '% is missing', case
        when coalesce(trim(p_mock_exam_id), '') = '' then 'p_mock_exam_id'
        when coalesce(trim(p_student_id), '') = '' then 'p_student_id'
        else 'p_email' end
      using errcode = '22023', hint = 'Give p_mock_exam_id, p_student_id and p_email.';
  end if;
  if lower(v_email) <> v_own then
    raise exception 'a student books for themselves alone'
      using errcode = '42501', hint = 'Leave p_email out, or give that of the login.';
  end if;
  perform hubspot_sync.require_short(
    p_mock_exam_id, p_student_id, p_email, v_key, p_student_name, p_attending_location);
  perform hubspot_sync.require_short(p_dominant_hand);

  loop
    v_before := v_exam;
    v_exam := hubspot_sync.look_at_exam(trim(p_mock_exam_id), v_key);
    if v_in and v_exam.id is not null and not v_exam.key_known
       and (v_exam.mock_type, v_exam.exam_date, v_exam.starts_at)
           is distinct from (v_before.mock_type, v_before.exam_date, v_before.starts_at) then
      raise exception 'mock exam % was moved while it was being booked', p_mock_exam_id
        using errcode = 'MBBSY', hint = 'Look at its new date, then try again.';
    end if;
    v_refusal := hubspot_sync.refuse_exam(p_mock_exam_id, v_exam);
    exit when v_in or v_refusal.code is not null
      or pg_try_advisory_xact_lock(hashtext(v_exam.hubspot_id), pg_backend_pid() % 4);
    begin
      perform hubspot_sync.pass_gate(v_exam.hubspot_id);
      v_in := true;
    exception
      when lock_not_available or deadlock_detected then
        raise exception 'mock exam % is busy', p_mock_exam_id
          using errcode = 'MBBSY', hint = 'Send the same request again.';
    end;
  end loop;

  -- No refusal of a request that was granted before: if it took the last seat, the snapshot that
  -- shows the exam full shows its key, too. Of an unknown exam the snapshot shows nothing.
  if v_refusal.code is null or v_exam.key_known or v_refusal.code = 'MBEXM' then
    if v_key is not null then
      v_request := jsonb_build_object(
        'p_mock_exam_id', trim(p_mock_exam_id), 'p_student_id', trim(p_student_id),
        'p_email', lower(v_email), 'p_student_name', nullif(trim(p_student_name), ''),
        'p_attending_location', nullif(trim(p_attending_location), ''),
        'p_dominant_hand', nullif(trim(p_dominant_hand), ''));
    end if;
    if v_refusal.code is null then
      return hubspot_sync.book_seat(
        v_exam, p_student_id, v_email, v_key, v_request, p_student_name, p_attending_location,
        p_dominant_hand);
    end if;
    v_answer := hubspot_sync.replay_booking(v_key, v_request);
    if v_answer.id is not null then
      return v_answer;
    end if;
  end if;
  raise exception '%', v_refusal.message
    using errcode = v_refusal.code, detail = v_refusal.detail, hint = v_refusal.hint;
end;
$$;

comment on function api.create_booking(text, text, text, text, text, text, text) is
  'Books one seat of an exam for a student and spends one credit, the exam type''s own before a '
  'shared one. p_mock_exam_id: the exam''s HubSpot id. p_email: compared without regard to case; '
  'a student may leave it out. p_idempotency_key: optional; the same key with the same request '
  'answers the first booking with replayed = true. Raises 22023 (argument missing or over 500 '
  'characters), MBEXM (no such exam), MBINA (not open), MBPST (started), MBFUL (full), MBTYP '
  '(type without credit), MBCON (no such contact), MBDUP (already booked), MBCRD (no credit), '
  'MBKEY (key of another request), MBBSY (try again), MBISO (isolation level), 42501 (not '
  'allowed). A refusal changes nothing and does not use up the key.';
revoke execute on function api.create_booking(text, text, text, text, text, text, text)
  from public, anon, authenticated;
grant execute on function api.create_booking(text, text, text, text, text, text, text)
  to authenticated, service_role;
