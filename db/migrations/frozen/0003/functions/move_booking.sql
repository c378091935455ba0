-- Moves a booking to another exam: one seat freed, one taken, the credit stays where it was spent.
--
-- Lock order: gate of the exam it goes to, contact, booking, both counters (in order, by the
-- trigger). From then on the counter of the exam it goes to is ours and decides.
create or replace function api.move_booking(
  p_booking_id text default null,
  p_mock_exam_id text default null,
  p_reason text default null
)
  returns api.booking
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
declare
  v_booking hubspot_sync.hubspot_bookings;
  v_exam hubspot_sync.bookable_exam;
  v_seats hubspot_sync.bookable_exam;
  v_refusal hubspot_sync.refusal;
  v_duplicate text;
  v_constraint text;
begin
  perform hubspot_sync.caller_email();
  perform hubspot_sync.require_read_committed();
  if coalesce(trim(p_mock_exam_id), '') = '' then
    raise exception 'p_mock_exam_id is missing'
      using errcode = '22023', hint = 'Give the exam to move to, from api.list_available_exams.';
  end if;
  perform hubspot_sync.require_short(p_mock_exam_id, p_reason);
  perform hubspot_sync.pass_gate(trim(p_mock_exam_id));
  v_booking := hubspot_sync.lock_booking(p_booking_id);
  if v_booking.is_active = 'Active' and v_booking.mock_exam_id = trim(p_mock_exam_id) then
    return hubspot_sync.booking_answer(v_booking, true);
  end if;

  v_exam := hubspot_sync.look_at_exam(trim(p_mock_exam_id), null);
  v_refusal := hubspot_sync.refuse_release(v_booking);
  if v_refusal.code is null then
    v_refusal := hubspot_sync.refuse_exam(p_mock_exam_id, v_exam);
  end if;
  if v_refusal.code is not null then
    raise exception '%', v_refusal.message
      using errcode = v_refusal.code, detail = v_refusal.detail, hint = v_refusal.hint;
  end if;
  -- A booking of which nobody knows what paid for it stays within its type.
  if (v_booking.token_used = v_exam.token_name
      or v_booking.token_used = 'Shared Token' and v_exam.shared
      or v_booking.mock_type is not distinct from v_exam.mock_type) is not true then
    raise exception 'the credit of booking % does not pay for mock exam %',
      v_booking.booking_id, v_exam.hubspot_id
      using errcode = 'MBTYP',
            detail = format('%s does not pay for %s',
                            coalesce(v_booking.token_used, 'null'), v_exam.mock_type),
            hint = 'Cancel the booking and book the other exam.';
  end if;
  v_duplicate := hubspot_sync.find_duplicate(v_booking.student_id, v_exam, v_booking.id);
  if v_duplicate is null then
    perform set_config('hubspot_sync.reason', coalesce(p_reason, ''), true);
    update hubspot_sync.hubspot_bookings b
       set mock_exam_id = v_exam.hubspot_id,
           exam = v_exam.id,
           mock_type = v_exam.mock_type,
           exam_date = v_exam.exam_date,
           attendance = null,
           updated_at = hubspot_sync.clock()
     where b.id = v_booking.id
    returning b.* into v_booking;
    perform set_config('hubspot_sync.reason', '', true);

    v_seats := hubspot_sync.look_at_exam(v_exam.hubspot_id, null);
    if v_seats.taken > v_seats.capacity then
      raise exception 'mock exam % is full', v_exam.hubspot_id
        using errcode = 'MBFUL',
              detail = format('%s of %s seats are taken', v_seats.taken - 1, v_seats.capacity),
              hint = 'Choose another session.';
    elsif not v_seats.is_open then
      raise exception 'mock exam % is not open for booking', v_exam.hubspot_id
        using errcode = 'MBINA', hint = 'Choose another session.';
    elsif (v_seats.mock_type, v_seats.exam_date, v_seats.starts_at)
          is distinct from (v_exam.mock_type, v_exam.exam_date, v_exam.starts_at) then
      raise exception 'mock exam % was moved while it was being booked', v_exam.hubspot_id
        using errcode = 'MBBSY', hint = 'Look at its new date, then try again.';
    end if;
    return hubspot_sync.booking_answer(v_booking, false);
  end if;
  raise exception 'student % is booked for mock exam %, or for its type that day',
    v_booking.student_id, v_exam.hubspot_id
    using errcode = 'MBDUP',
          detail = format('the booking is %s', v_duplicate), hint = 'Cancel that booking first.';
exception
  when unique_violation then
    get stacked diagnostics v_constraint = constraint_name;
    if v_constraint not in ('bookings_one_active_per_exam', 'bookings_one_active_per_day') then
      raise;
    end if;
    raise exception 'booking % cannot be moved: the student is booked for mock exam %,'
      ' or for its type that day', p_booking_id, p_mock_exam_id
      using errcode = 'MBDUP', hint = 'Cancel that booking first.';
  when lock_not_available or deadlock_detected then
    raise exception 'booking % or mock exam % is busy', p_booking_id, p_mock_exam_id
      using errcode = 'MBBSY', hint = 'Send the same request again.';
end;
$$;

comment on function api.move_booking(text, text, text) is
  'Moves an active booking to another exam that takes the same credit: the exam''s own type, or '
  'a type shared credits pay for when the booking was paid with one. p_mock_exam_id: the exam''s '
  'HubSpot id. p_reason: for the audit log. A booking that is there already is answered with '
  'replayed = true. A student moves their own, as long as they may cancel it. Raises 22023 '
  '(argument missing or too long), MBNOF (no such booking), MBSTA (not active), MBCUT (too '
  'late), MBEXM (no such exam), MBINA (not open), MBPST (started), MBFUL (full), MBTYP (another '
  'credit), MBDUP (booked there or that day), MBBSY (try again), MBISO (isolation level), 42501 '
  '(not allowed). A refusal changes nothing.';
revoke execute on function api.move_booking(text, text, text) from public, anon, authenticated;
grant execute on function api.move_booking(text, text, text) to authenticated, service_role;
