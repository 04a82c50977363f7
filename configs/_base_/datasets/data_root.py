# Where the data lie: under the environment's MSVITREID_DATA_ROOT, else data/.
data_root = '{{$MSVITREID_DATA_ROOT:data}}'
