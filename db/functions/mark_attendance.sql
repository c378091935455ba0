-- Notes whether a student came.
create or replace function api.mark_attendance(
  p_booking_id text default null,
  p_attendance text default null
)
  returns api.booking
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
declare
  v_today date := (hubspot_sync.clock() at time zone hubspot_sync.setting('time_zone'))::date;
  v_word text := initcap(trim(p_attendance));
  v_booking hubspot_sync.hubspot_bookings;
begin
  perform hubspot_sync.require_administrator();
  perform hubspot_sync.require_read_committed();
  perform hubspot_sync.require_short(p_attendance);
  if v_word is null or v_word not in ('Yes', 'No', 'Unknown') then
    raise exception 'attendance % is none of Yes, No, Unknown', coalesce(p_attendance, 'null')
      using errcode = '22023', hint = 'No means the student did not come; Unknown takes it back.';
  end if;
  v_booking := hubspot_sync.lock_booking(p_booking_id);
  if v_booking.is_active is null or v_booking.is_active not in ('Active', 'Completed') then
    raise exception 'booking % is %', p_booking_id, coalesce(v_booking.is_active, 'null')
      using errcode = 'MBSTA', hint = 'Only who had a seat can have come.';
  end if;
  if v_booking.exam_date::date > v_today then
    raise exception 'the exam of booking % is yet to come', p_booking_id
      using errcode = 'MBERL',
            detail = format('it is on %s', v_booking.exam_date::date),
            hint = 'Mark attendance from the day of the exam on.';
  end if;
  v_word := nullif(v_word, 'Unknown');
  if v_booking.attendance is not distinct from v_word then
    return hubspot_sync.booking_answer(v_booking, true);
  end if;
  update hubspot_sync.hubspot_bookings b
     set attendance = v_word, updated_at = hubspot_sync.clock()
   where b.id = v_booking.id
  returning b.* into v_booking;
  return hubspot_sync.booking_answer(v_booking, false);
exception
  when lock_not_available or deadlock_detected then
    raise exception 'booking % is busy', p_booking_id
      using errcode = 'MBBSY', hint = 'Send the same request again.';
end;
$$;

comment on function api.mark_attendance(text, text) is
  'Notes whether the student of a booking came. p_attendance: Yes, No or Unknown (takes it '
  'back), whatever the case; what is so already is answered with replayed = true. Raises 22023 '
  '(argument missing or another word), MBNOF (no such booking), MBSTA (cancelled), MBERL '
  '(before the exam''s day in the business''s time zone), MBBSY (try again), MBISO (isolation '
  'level), 42501 (not allowed).';
revoke execute on function api.mark_attendance(text, text) from public, anon, authenticated;
grant execute on function api.mark_attendance(text, text) to authenticated, service_role;
