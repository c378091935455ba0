-- Why an exam takes no booking, by a look at it.
create or replace function hubspot_sync.refuse_exam(
  p_mock_exam_id text,
  p_exam hubspot_sync.bookable_exam
)
  returns hubspot_sync.refusal
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_refusal hubspot_sync.refusal;
begin
  if p_exam.id is null then
    v_refusal.code := 'MBEXM';
    v_refusal.message := 'does not exist';
    v_refusal.detail := 'no exam here has this HubSpot id';
  elsif not p_exam.is_open then
    v_refusal.code := 'MBINA';
    v_refusal.message := 'is not open for booking';
    v_refusal.detail := 'it is not active';
  elsif p_exam.starts_at is null or not isfinite(p_exam.starts_at)
        or p_exam.starts_at <= hubspot_sync.clock() then
    v_refusal.code := 'MBPST';
    v_refusal.message := 'has started or has no date';
    v_refusal.detail := format('it starts at %s', p_exam.starts_at);
  elsif p_exam.taken >= p_exam.capacity then
    v_refusal.code := 'MBFUL';
    v_refusal.message := 'is full';
    v_refusal.detail := format('%s of %s seats are taken', p_exam.taken, p_exam.capacity);
  elsif p_exam.credit is null then
    v_refusal.code := 'MBTYP';
    v_refusal.message := 'has a mock type no credit pays for';
    v_refusal.detail := format('its mock type is %s', p_exam.mock_type);
  else
    return null;
  end if;
  v_refusal.message := format('mock exam %s %s', p_mock_exam_id, v_refusal.message);
  v_refusal.hint := 'Choose another session.';
  return v_refusal;
end;
$$;

comment on function hubspot_sync.refuse_exam(text, hubspot_sync.bookable_exam) is
  'Why no seat of an exam can be booked (MBEXM, MBINA, MBPST, MBFUL, MBTYP), or null. '
  'p_mock_exam_id: as the caller spelled it.';
revoke execute on function hubspot_sync.refuse_exam(text, hubspot_sync.bookable_exam)
  from public, anon, authenticated;
