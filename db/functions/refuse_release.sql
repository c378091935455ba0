-- Why a booking's seat cannot be given back, by cancelling or moving.
create or replace function hubspot_sync.refuse_release(
  p_booking hubspot_sync.hubspot_bookings
)
  returns hubspot_sync.refusal
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := hubspot_sync.clock();
  v_zone text := hubspot_sync.setting('time_zone');
  v_cutoff interval := hubspot_sync.setting('cancellation_cutoff')::interval;
  v_starts_at timestamptz;
  v_role name := coalesce(nullif(current_setting('role'), 'none'), session_user::text)::name;
  v_refusal hubspot_sync.refusal;
begin
  if p_booking.is_active is distinct from 'Active' then
    v_refusal.code := 'MBSTA';
    v_refusal.message := format('booking %s is not active', p_booking.booking_id);
    v_refusal.detail := format('it is %s', coalesce(p_booking.is_active, 'null'));
    v_refusal.hint := 'Only an active booking can be cancelled or moved.';
    return v_refusal;
  end if;
  if hubspot_sync.caller_email() is not null then
    -- A student who was there gets nothing back.
    v_cutoff := greatest(coalesce(v_cutoff, '0'), '0');
  elsif not (pg_has_role(v_role, current_user, 'usage')
             or pg_has_role(v_role, 'service_role', 'usage')) then
    return null;  -- an administrator decides for themselves
  end if;
  if v_cutoff is null then
    return null;
  end if;
  select e.starts_at
    into v_starts_at
    from hubspot_sync.hubspot_mock_exams e
   where e.id = p_booking.exam;
  -- By the clock on the business's wall: «1 day» before is 23 or 25 hours twice a year.
  if v_now > (v_starts_at at time zone v_zone - v_cutoff) at time zone v_zone then
    v_refusal.code := 'MBCUT';
    v_refusal.message := format(
      'booking %s can no longer be cancelled or moved', p_booking.booking_id);
    v_refusal.detail := format(
      'the exam starts at %s, cancelling ends %s before', v_starts_at, v_cutoff);
    v_refusal.hint := 'Ask an administrator.';
    return v_refusal;
  end if;
  return null;
end;
$$;

comment on function hubspot_sync.refuse_release(hubspot_sync.hubspot_bookings) is
  'Why a booking can be neither cancelled nor moved, or null: MBSTA (not active), MBCUT (later '
  'than the setting cancellation_cutoff before the start; for a student at the latest at the '
  'start). An administrator''s login is past the cut-off.';
revoke execute on function hubspot_sync.refuse_release(hubspot_sync.hubspot_bookings)
  from public, anon, authenticated;
